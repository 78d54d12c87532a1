"""Uses of Django's session engines that go beyond their public methods.

A quirk of one engine belongs here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase


def loaded(session: SessionBase) -> Mapping[str, Any] | None:
    """What the session has loaded from its engine, None where it has loaded nothing yet."""
    # Django has no public way to look without loading.
    content: Mapping[str, Any] | None = getattr(session, "_session_cache", None)
    return content


def reopen(session: SessionBase) -> SessionBase:
    """The same session, to be read again from its engine."""
    # The `type` of a lazy session, as Channels has it, is not the engine's.
    again: SessionBase = session.__class__(session.session_key)
    # Some engines save the browser and the address of the visitor, which they keep as attributes.
    for name, value in vars(session).items():
        if not name.startswith("_") and name not in ("accessed", "modified", "serializer"):
            setattr(again, name, value)
    return again


@contextmanager
def untouched(session: SessionBase) -> Iterator[None]:
    """Restores ``accessed`` and ``modified`` on exit, so that the block causes neither a save nor
    ``Vary: Cookie``."""
    accessed, modified = session.accessed, session.modified
    try:
        yield
    finally:
        session.accessed, session.modified = accessed, modified


def delete_session(session_key: str) -> None:
    """Deletes a session of the configured engine. Nothing happens where there is none."""
    if session_key:
        import_module(settings.SESSION_ENGINE).SessionStore(session_key).delete(session_key)
