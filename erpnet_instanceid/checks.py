"""System checks: each names the setting and the cure. An id is never used twice."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from .backends import InstanceIDBackend
from .conf import DEFAULTS, NEVER_ALLOWED_USER_TYPE, REQUIRED, SETTING, conf
from .middleware import TokenRefreshMiddleware
from .oidc.jose import ASYMMETRIC_ALGORITHMS
from .oidc.provider import LOOPBACK_HOSTS, is_safe_address

AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
FLOWS = {
    "code id_token": {"form_post"},
    "code": {"query", "form_post"},
}
SERVER_SIDE_SESSIONS = "django.contrib.sessions.backends.db"


def _error(number: int, message: str, hint: str) -> Error:
    return Error(message, hint=hint, id=f"erpnet_instanceid.E{number:03d}")


def _warning(number: int, message: str, hint: str) -> CheckWarning:
    return CheckWarning(message, hint=hint, id=f"erpnet_instanceid.W{number:03d}")


def _name(key: str) -> str:
    return f'{SETTING}["{key}"]'


@register(Tags.security)
def check_settings(**_kwargs: Any) -> list[CheckMessage]:
    """What stands in the dict of settings."""
    value = getattr(settings, SETTING, None)
    if not isinstance(value, dict):
        return [
            _error(
                1,
                f"{SETTING} is missing from your settings.",
                f"Set {SETTING} to a dict with {', '.join(REQUIRED)}.",
            )
        ]
    return [
        *_unknown_keys(value),
        *_required(value),
        *_addresses(value),
        *_flow(),
        *_values(value),
    ]


@register(Tags.security)
def check_site(**_kwargs: Any) -> list[CheckMessage]:
    """What stands around the dict: backend, middleware, sessions, URLs, database."""
    return [*_backend(), *_middleware(), *_sessions(), *_urls(), *_databases()]


def _unknown_keys(value: dict[str, Any]) -> Iterator[CheckMessage]:
    for key in value:
        if key in DEFAULTS:
            continue
        near = difflib.get_close_matches(str(key).upper(), DEFAULTS, n=1, cutoff=0.5)
        cure = f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(DEFAULTS)}."
        yield _error(2, f"{_name(str(key))} is not a setting of this app.", cure)


def _required(value: dict[str, Any]) -> Iterator[CheckMessage]:
    cures = {
        "INSTANCE_URL": "Set it to the address of your instance, "
        "for example https://mycompany.my.erp.net.",
        "APPLICATION_URI": "Set it to the ApplicationUri of your Trusted Application.",
        "APPLICATION_SECRET": "Read it from the environment. "
        "'manage.py instanceid register' makes one.",
    }
    for key in REQUIRED:
        if not isinstance(value.get(key), str) or not value[key].strip():
            yield _error(3, f"{_name(key)} is missing or empty.", cures[key])


def _addresses(value: dict[str, Any]) -> Iterator[CheckMessage]:
    for key in ("INSTANCE_URL", "ISSUER", "CALLBACK_URL", "POST_LOGOUT_URL"):
        url = value.get(key)
        if url in (None, "") or is_safe_address(url):
            continue
        yield _error(
            4,
            f"{_name(key)} is not an https address.",
            "Write it in full, with https://. Plain http is for this machine only "
            f"({', '.join(sorted(LOOPBACK_HOSTS))}).",
        )
    url = value.get("INSTANCE_URL")
    if isinstance(url, str) and url.rstrip("/").endswith("/id"):
        yield _error(
            5,
            f"{_name('INSTANCE_URL')} ends in /id, which is the issuer's address.",
            "Leave /id out: the instance's own address is wanted.",
        )


def _flow() -> Iterator[CheckMessage]:
    modes = FLOWS.get(conf.response_type)
    if modes is None:
        yield _error(
            6,
            f"{_name('RESPONSE_TYPE')} is {conf.response_type!r}.",
            f"Use one of: {', '.join(map(repr, FLOWS))}.",
        )
    elif conf.response_mode not in modes:
        yield _error(
            7,
            f"{_name('RESPONSE_MODE')} {conf.response_mode!r} does not go with "
            f"RESPONSE_TYPE {conf.response_type!r}.",
            f"Use {' or '.join(map(repr, sorted(modes)))}.",
        )
    if "openid" not in conf.scope.split():
        yield _error(8, f"{_name('SCOPE')} lacks 'openid'.", "Add it: nobody signs in without.")
    elif "offline_access" not in conf.scope.split():
        yield _warning(
            1,
            f"{_name('SCOPE')} lacks 'offline_access'.",
            "Add it, or visitors go through the instance again whenever a token expires.",
        )


def _values(value: dict[str, Any]) -> Iterator[CheckMessage]:
    algorithms = conf.get("SIGNING_ALGORITHMS")
    if not _are_names(algorithms) or not algorithms or not {*algorithms} <= ASYMMETRIC_ALGORITHMS:
        yield _error(
            9,
            f"{_name('SIGNING_ALGORITHMS')} must list asymmetric algorithms.",
            f"Use some of: {', '.join(sorted(ASYMMETRIC_ALGORITHMS))}.",
        )
    if value.get("LINK_USERS_BY") not in (None, "username", "email"):
        yield _error(
            10, f"{_name('LINK_USERS_BY')} is unknown.", "Use 'username', 'email' or None."
        )
    for key in ("ALLOWED_USER_TYPES", "ADMIN_FLAGS"):
        if not _are_names(conf.get(key)):
            yield _error(11, f"{_name(key)} must be a list.", "Put the names in square brackets.")
        elif key == "ADMIN_FLAGS":
            yield from _unknown_flags(conf.admin_flags)
        elif NEVER_ALLOWED_USER_TYPE in conf.get(key):
            yield _error(
                12,
                f"{_name(key)} names {NEVER_ALLOWED_USER_TYPE}.",
                "Leave it out: such users are never let in.",
            )
    groups = conf.user_type_groups
    if not isinstance(groups, dict) or not all(map(_are_names, [[*groups], *groups.values()])):
        yield _error(
            15,
            f"{_name('USER_TYPE_GROUPS')} must be a dict of lists.",
            'Write it as {"InternalUser": ["employees"]}.',
        )
    for key in ("REFRESH_MARGIN", "CLOCK_SKEW"):
        yield from _number(key, at_least=0)
    for key in ("CONNECT_TIMEOUT", "DEADLINE", "SIGN_IN_LIFETIME", "API_MAX_BYTES"):
        yield from _number(key, at_least=0.1)


def _are_names(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)


def _unknown_flags(flags: Iterable[str]) -> Iterator[CheckMessage]:
    fields = {field.name for field in get_user_model()._meta.get_fields()}
    for flag in flags:
        if flag not in fields:
            yield _error(
                14,
                f"{_name('ADMIN_FLAGS')} names {flag!r}, which your user model does not have.",
                "Leave it out, or name a field of AUTH_USER_MODEL.",
            )


def _number(key: str, *, at_least: float) -> Iterator[CheckMessage]:
    number = conf.get(key)
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    if not is_number or not at_least <= number < math.inf:
        yield _error(13, f"{_name(key)} must be a positive number.", f"Default: {DEFAULTS[key]}.")


def _backend() -> Iterator[CheckMessage]:
    if any(_is_a(path, InstanceIDBackend) for path in settings.AUTHENTICATION_BACKENDS):
        return
    yield _error(
        20,
        "AUTHENTICATION_BACKENDS lacks the backend of this app.",
        "Add 'erpnet_instanceid.backends.InstanceIDBackend'.",
    )


def _middleware() -> Iterator[CheckMessage]:
    paths = list(settings.MIDDLEWARE)
    places = [index for index, path in enumerate(paths) if _is_a(path, TokenRefreshMiddleware)]
    if not places:
        yield _error(
            21,
            "MIDDLEWARE lacks the middleware that keeps visitors signed in.",
            "Add 'erpnet_instanceid.middleware.TokenRefreshMiddleware' after "
            "AuthenticationMiddleware.",
        )
        return
    if AUTHENTICATION in paths and paths.index(AUTHENTICATION) > places[0]:
        yield _error(
            22,
            "TokenRefreshMiddleware stands before AuthenticationMiddleware.",
            "Move it after.",
        )


def _sessions() -> Iterator[CheckMessage]:
    if settings.SESSION_ENGINE == "django.contrib.sessions.backends.signed_cookies":
        yield _error(
            23,
            "SESSION_ENGINE keeps sessions in cookies, where a sign-out cannot end them.",
            f"Use a server-side engine, such as {SERVER_SIDE_SESSIONS!r}.",
        )
    url = conf.callback_url or ""
    if not settings.SESSION_COOKIE_SECURE and (url.startswith("https:") or not settings.DEBUG):
        yield _warning(
            2,
            "SESSION_COOKIE_SECURE is not set.",
            "Set it to True on a site that is served by https, so that the session cookie never "
            "travels in clear.",
        )


def _urls() -> Iterator[CheckMessage]:
    try:
        reverse("erpnet_instanceid:signin_callback")
    except NoReverseMatch:
        yield _error(
            24,
            "The app's URLs are not part of your site.",
            'Add path("", include("erpnet_instanceid.urls")) to your urlpatterns.',
        )


def _databases() -> Iterator[CheckMessage]:
    databases: dict[str, dict[str, Any]] = settings.DATABASES
    for alias, options in databases.items():
        mode = (options.get("OPTIONS") or {}).get("transaction_mode")
        if options.get("ENGINE", "").endswith("sqlite3") and mode not in ("IMMEDIATE", "EXCLUSIVE"):
            yield _warning(
                3,
                f"Database {alias!r} is SQLite without transaction_mode IMMEDIATE.",
                'Set "OPTIONS": {"transaction_mode": "IMMEDIATE"}, or two visitors who sign in '
                'for the first time at once meet "database is locked".',
            )


def _is_a(path: str, wanted: type) -> bool:
    found = _imported(path)
    return isinstance(found, type) and issubclass(found, wanted)


def _imported(path: str) -> object:
    try:
        return import_string(path)
    except ImportError:
        return None
