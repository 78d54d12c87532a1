"""django-ninja: sessions, with a 401 that says where to sign in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja.security import SessionAuth

from ..pages.challenge import want_sign_in


class InstanceIDAuth(SessionAuth):
    """``NinjaAPI(auth=InstanceIDAuth())``: as SessionAuth, its CSRF check included.

    A visitor who is not signed in gets a 401 with ``sign_in_required`` and ``sign_in_url``.
    """

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        user = super().authenticate(request, key)
        if user is None:
            want_sign_in(request)
        return user
