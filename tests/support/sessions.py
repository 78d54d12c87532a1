"""A session engine whose store cannot be reached when a test says so."""

from django.contrib.sessions.backends import db
from django.db import OperationalError


class SessionStore(db.SessionStore):
    """Django's own, but for the keys that cannot be deleted."""

    stuck = set()

    @classmethod
    def get_model_class(cls):
        return db.SessionStore.get_model_class()

    def delete(self, session_key=None):
        if session_key in self.stuck:
            raise OperationalError("the session store cannot be reached")
        super().delete(session_key)
