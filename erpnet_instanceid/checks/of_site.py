"""Checks the site's other settings: backends, middleware, and what the other modules check."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import CheckMessage

from ..backends import InstanceIDBackend
from ..middleware import TokenRefreshMiddleware
from ..mozilla import NEVER_CALLED
from .classes import imported, is_a
from .messages import error, warning
from .of_databases import check_databases
from .of_frames import check_frames
from .of_pages import check_pages
from .of_policy import check_policy
from .of_sessions import check_sessions
from .of_urls import check_urls
from .of_user_model import check_user_model
from .values import are_names

AXES = "axes."
MOZILLA = "mozilla_django_oidc."


def check_site() -> list[CheckMessage]:
    """The faults in the site's other settings."""
    return [
        *_backends(),
        *_middleware(),
        *_mozilla(),
        *check_sessions(),
        *check_urls(),
        *check_user_model(),
        *check_pages(),
        *check_databases(),
        *check_frames(),
        *check_policy(),
    ]


def _backends() -> Iterator[CheckMessage]:
    backends = settings.AUTHENTICATION_BACKENDS
    if not are_names(backends):
        yield _not_a_list("AUTHENTICATION_BACKENDS")
        return
    ours = _place_of(InstanceIDBackend, backends)
    if ours is None:
        yield error(
            20,
            "AUTHENTICATION_BACKENDS lacks the backend of this app.",
            "Add 'erpnet_instanceid.backends.InstanceIDBackend'.",
        )
        return
    if any(path.startswith(AXES) for path in backends[:ours]):
        yield warning(
            17,
            "AUTHENTICATION_BACKENDS has django-axes before the backend of this app, so wrong "
            "passwords also lock out visitors who sign in at the instance.",
            "Put 'erpnet_instanceid.backends.InstanceIDBackend' before django-axes.",
        )
    yield from _never_called(imported(backends[ours]))


def _never_called(backend: type) -> Iterator[CheckMessage]:
    overridden = [
        name
        for name in NEVER_CALLED
        if getattr(backend, name) is not getattr(InstanceIDBackend, name)
    ]
    if overridden:
        yield warning(
            18,
            f"{backend.__name__} overrides {', '.join(overridden)}, and this app never calls that.",
            "Remove it. To refuse a visitor, override verify_claims(): the tokens are checked "
            "before.",
        )


def _middleware() -> Iterator[CheckMessage]:
    middleware = settings.MIDDLEWARE
    if not are_names(middleware):
        yield _not_a_list("MIDDLEWARE")
        return
    ours = _place_of(TokenRefreshMiddleware, middleware)
    if ours is None:
        yield error(
            21,
            "MIDDLEWARE lacks the middleware that keeps visitors signed in.",
            "Add 'erpnet_instanceid.middleware.TokenRefreshMiddleware' after "
            "AuthenticationMiddleware.",
        )
        return
    before = middleware[:ours]
    if _place_of(SessionMiddleware, before) is None:
        yield warning(
            13,
            "TokenRefreshMiddleware has no SessionMiddleware before it.",
            "Add 'django.contrib.sessions.middleware.SessionMiddleware' before it. Silence this "
            "warning if a middleware of your own sets request.session.",
        )
    if _place_of(AuthenticationMiddleware, before) is None:
        yield error(
            22,
            "TokenRefreshMiddleware has no AuthenticationMiddleware before it.",
            "Add 'django.contrib.auth.middleware.AuthenticationMiddleware' before it.",
        )


def _mozilla() -> Iterator[CheckMessage]:
    for setting in ("AUTHENTICATION_BACKENDS", "MIDDLEWARE"):
        paths = getattr(settings, setting)
        left = [path for path in paths if path.startswith(MOZILLA)] if are_names(paths) else []
        if left:
            yield warning(
                22,
                f"{setting} names {left[0]}, which signs visitors in by settings of its own.",
                "Remove it: this app takes its place. Keep it only for a second provider.",
            )


def _place_of(kind: type, paths: list[str]) -> int | None:
    return next((index for index, path in enumerate(paths) if is_a(path, kind)), None)


def _not_a_list(setting: str) -> CheckMessage:
    cure = "Put the dotted names in square brackets, each in quotes, with commas between them."
    return error(28, f"{setting} must be a list of dotted names.", cure)
