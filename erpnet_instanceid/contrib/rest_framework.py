"""Django REST framework: sessions, with a 401 that says where to sign in."""

from __future__ import annotations

from rest_framework.authentication import SessionAuthentication  # type: ignore[import-untyped]
from rest_framework.request import Request  # type: ignore[import-untyped]

from ..pages.challenge import want_sign_in


class InstanceIDAuthentication(SessionAuthentication):  # type: ignore[misc]
    """As SessionAuthentication, which answers a visitor who is not signed in with 403.

    This one answers with 401, ``sign_in_required`` and ``sign_in_url``.
    """

    def authenticate_header(self, request: Request) -> str:
        """Called when the request is refused for want of a user."""
        want_sign_in(request)
        return "Session"
