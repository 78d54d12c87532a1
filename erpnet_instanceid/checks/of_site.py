"""Checks the site's other settings: backend, middleware, sessions, URLs, database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import CheckMessage, Tags, register
from django.utils.module_loading import import_string

from ..backends import InstanceIDBackend
from ..conf import conf
from ..middleware import TokenRefreshMiddleware
from .messages import error, warning
from .of_urls import check_urls

SERVER_SIDE_SESSIONS = "django.contrib.sessions.backends.db"


@register(Tags.security)
def check_site(**_kwargs: Any) -> list[CheckMessage]:
    """What is wrong in the site's other settings."""
    return [
        *_backend(),
        *_middleware(),
        *_session_engine(),
        *_session_cookie(),
        *check_urls(),
        *_sqlite(),
    ]


def _backend() -> Iterator[CheckMessage]:
    if not any(_is_a(path, InstanceIDBackend) for path in settings.AUTHENTICATION_BACKENDS):
        yield error(
            20,
            "AUTHENTICATION_BACKENDS lacks the backend of this app.",
            "Add 'erpnet_instanceid.backends.InstanceIDBackend'.",
        )


def _middleware() -> Iterator[CheckMessage]:
    ours = _place_of(TokenRefreshMiddleware)
    if ours is None:
        yield error(
            21,
            "MIDDLEWARE lacks the middleware that keeps visitors signed in.",
            "Add 'erpnet_instanceid.middleware.TokenRefreshMiddleware' after "
            "AuthenticationMiddleware.",
        )
        return
    if not _is_before(SessionMiddleware, ours):
        yield error(
            25,
            "TokenRefreshMiddleware has no SessionMiddleware before it.",
            "Add 'django.contrib.sessions.middleware.SessionMiddleware' before it.",
        )
    if not _is_before(AuthenticationMiddleware, ours):
        yield error(
            22,
            "TokenRefreshMiddleware has no AuthenticationMiddleware before it.",
            "Add 'django.contrib.auth.middleware.AuthenticationMiddleware' before it.",
        )


def _place_of(kind: type) -> int | None:
    places = (index for index, path in enumerate(settings.MIDDLEWARE) if _is_a(path, kind))
    return next(places, None)


def _is_before(kind: type, place: int) -> bool:
    other = _place_of(kind)
    return other is not None and other < place


def _session_engine() -> Iterator[CheckMessage]:
    if settings.SESSION_ENGINE == "django.contrib.sessions.backends.signed_cookies":
        yield error(
            23,
            "SESSION_ENGINE keeps sessions in cookies, so a sign-out cannot end them.",
            f"Use an engine that keeps them on the server, such as {SERVER_SIDE_SESSIONS!r}.",
        )


def _session_cookie() -> Iterator[CheckMessage]:
    is_https = (conf.callback_url or "").startswith("https:") or not settings.DEBUG
    if is_https and not settings.SESSION_COOKIE_SECURE:
        yield warning(
            2,
            "SESSION_COOKIE_SECURE is not set.",
            "Set it to True on a site with https: browsers then never send the session cookie "
            "over plain http.",
        )


def _sqlite() -> Iterator[CheckMessage]:
    databases: dict[str, dict[str, Any]] = settings.DATABASES
    for alias, database in databases.items():
        mode = (database.get("OPTIONS") or {}).get("transaction_mode")
        is_sqlite = database.get("ENGINE", "").endswith("sqlite3")
        if is_sqlite and mode not in ("IMMEDIATE", "EXCLUSIVE"):
            yield warning(
                3,
                f"Database {alias!r} is SQLite without transaction_mode IMMEDIATE.",
                f'Add "OPTIONS": {{"transaction_mode": "IMMEDIATE"}} to DATABASES["{alias}"]. '
                "Without it, two visitors who sign in for the first time at the same moment get "
                '"database is locked".',
            )


def _is_a(path: str, kind: type) -> bool:
    found = _imported(path)
    return isinstance(found, type) and issubclass(found, kind)


def _imported(path: str) -> object:
    try:
        return import_string(path)
    except ImportError:
        return None
