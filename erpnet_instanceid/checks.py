"""System checks: each names the setting and the cure. An id is never used twice."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.utils import translation
from django.utils.module_loading import import_string

from .attempts import COOKIE_SECONDS
from .backends import InstanceIDBackend
from .conf import (
    DEFAULTS,
    EXTERNAL_USER_TYPE,
    INTERNAL_USER_TYPE,
    NEVER_ALLOWED_USER_TYPE,
    REQUIRED,
    SETTING,
    conf,
)
from .middleware import TokenRefreshMiddleware
from .oidc.jose import ASYMMETRIC_ALGORITHMS
from .oidc.provider import LOOPBACK_HOSTS, is_safe_address
from .views.callback import SignInCallbackView
from .views.signout import SignOutCallbackView

FLOWS = {
    "code id_token": {"form_post"},
    "code": {"query", "form_post"},
}
# Clocks that differ by more are set wrong, and an old token would pass for a new one.
MOST_SKEW_SECONDS = 300
SERVER_SIDE_SESSIONS = "django.contrib.sessions.backends.db"
URLS_MISSING = (
    "The app's URLs are not part of your site.",
    'Add path("", include("erpnet_instanceid.urls")) to your urlpatterns.',
)


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
                f"{SETTING} is missing from your settings."
                if value is None
                else f"{SETTING} is not a dict.",
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
    for key in ("APPLICATION_URI", "APPLICATION_SECRET"):
        if isinstance(value.get(key), str) and value[key].strip() not in ("", value[key]):
            yield _error(
                16,
                f"{_name(key)} begins or ends with white space, which the instance does not know.",
                "Read it with .strip(): a file mostly ends in a new line.",
            )


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
    for key in ("INSTANCE_URL", "ISSUER"):
        url = value.get(key)
        if isinstance(url, str) and "?" in url:
            yield _error(
                17,
                f"{_name(key)} has a query.",
                "Leave out what begins with '?': paths are put behind the address.",
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
    for key in ("SCOPE", "SERVICE_SCOPE"):
        scope = conf.get(key)
        if scope is not None and (not isinstance(scope, str) or "," in scope):
            yield _error(
                19,
                f"{_name(key)} must be one string, separated by spaces.",
                f'Write it as "{DEFAULTS["SCOPE"] if key == "SCOPE" else "read"}".',
            )
            return
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
            # The default is for whom it fits: a user model may do without these flags.
            yield from _unknown_flags(value.get(key) or ())
        elif NEVER_ALLOWED_USER_TYPE in conf.get(key):
            yield _error(
                12,
                f"{_name(key)} names {NEVER_ALLOWED_USER_TYPE}.",
                "Leave it out: such users are never let in.",
            )
        else:
            yield from _user_types(conf.get(key))
    groups = conf.user_type_groups
    if not isinstance(groups, dict) or not all(map(_are_names, [[*groups], *groups.values()])):
        yield _error(
            15,
            f"{_name('USER_TYPE_GROUPS')} must be a dict of lists.",
            'Write it as {"InternalUser": ["employees"]}.',
        )
    if not isinstance(conf.get("CREATE_USERS"), bool):
        yield _error(
            18,
            f"{_name('CREATE_USERS')} must be True or False.",
            "Text from the environment counts as true, whatever it says: compare it first.",
        )
    yield from _numbers()


def _are_names(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)


def _user_types(names: Sequence[str]) -> Iterator[CheckMessage]:
    known = (INTERNAL_USER_TYPE, EXTERNAL_USER_TYPE)
    unknown = [name for name in names if name not in known]
    if not names:
        yield _warning(
            7,
            f"{_name('ALLOWED_USER_TYPES')} is empty, which lets nobody in.",
            f"Name some of: {', '.join(known)}.",
        )
    elif unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1, cutoff=0.3)
        yield _warning(
            8,
            f"{_name('ALLOWED_USER_TYPES')} names {unknown[0]!r}, which instances do not use.",
            f"Did you mean {near[0]}?" if near else f"They use: {', '.join(known)}.",
        )


def _unknown_flags(flags: Iterable[str]) -> Iterator[CheckMessage]:
    fields = {field.name for field in get_user_model()._meta.get_fields()}
    for flag in flags:
        if flag not in fields:
            yield _error(
                14,
                f"{_name('ADMIN_FLAGS')} names {flag!r}, which your user model does not have.",
                'Name a field of AUTH_USER_MODEL, or set "ADMIN_FLAGS": [].',
            )


def _numbers() -> Iterator[CheckMessage]:
    least = {
        "REFRESH_MARGIN": 0,
        "CLOCK_SKEW": 0,
        "CONNECT_TIMEOUT": 0.1,
        "DEADLINE": 0.1,
        # These two are cut to whole numbers.
        "SIGN_IN_LIFETIME": 1,
        "API_MAX_BYTES": 1,
    }
    wrong = {key for key in least if not _is_number(conf.get(key), at_least=least[key])}
    for key in least:
        if key in wrong:
            yield _error(
                13,
                f"{_name(key)} must be a number, {least[key]} or more.",
                f"Default: {DEFAULTS[key]}.",
            )
    if "SIGN_IN_LIFETIME" not in wrong and conf.sign_in_lifetime > COOKIE_SECONDS:
        yield _warning(
            4,
            f"{_name('SIGN_IN_LIFETIME')} is more than {COOKIE_SECONDS} s, which has no effect.",
            f"Set it to {COOKIE_SECONDS} or less: the cookie of a sign-in lives no longer.",
        )
    if "CLOCK_SKEW" not in wrong and conf.get("CLOCK_SKEW") > MOST_SKEW_SECONDS:
        yield _warning(
            5,
            f"{_name('CLOCK_SKEW')} is more than {MOST_SKEW_SECONDS} s: tokens that are over "
            "pass for so long.",
            "Keep the clocks in time (NTP), and leave it at a minute or so.",
        )


def _is_number(value: object, *, at_least: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return at_least <= value < math.inf


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
    sessions = [index for index, path in enumerate(paths) if _is_a(path, SessionMiddleware)]
    if not sessions or sessions[0] > places[0]:
        yield _error(
            25,
            "TokenRefreshMiddleware has no SessionMiddleware before it.",
            "Add 'django.contrib.sessions.middleware.SessionMiddleware' before it.",
        )
    users = [index for index, path in enumerate(paths) if _is_a(path, AuthenticationMiddleware)]
    if not users or users[0] > places[0]:
        yield _error(
            22,
            "TokenRefreshMiddleware has no AuthenticationMiddleware before it.",
            "Add 'django.contrib.auth.middleware.AuthenticationMiddleware' before it.",
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
        callback = reverse("erpnet_instanceid:signin_callback")
    except NoReverseMatch:
        yield _error(24, *URLS_MISSING)
        return
    url = conf.callback_url
    if url and is_safe_address(url) and not _leads_to(url, SignInCallbackView):
        yield _warning(
            6,
            f"{_name('CALLBACK_URL')} does not lead to the app's callback.",
            f"Its path is {callback} here. Silence this where a proxy gives the path another name.",
        )
    url = conf.post_logout_url
    if url and is_safe_address(url) and not _leads_to(url, SignOutCallbackView):
        yield _warning(
            9,
            f"{_name('POST_LOGOUT_URL')} does not lead to the app's sign-out callback.",
            f"Its path is {reverse('erpnet_instanceid:signout_callback')} here. Silence this where "
            "a proxy gives the path another name, or where you want another page.",
        )
    if not conf.callback_url and _has_languages_in_path():
        yield _warning(
            10,
            "The app's URLs stand in i18n_patterns, so that the callback's address depends on the "
            "visitor's language.",
            "Move the include out of i18n_patterns: the instance accepts one address, to the "
            'character. Or set "CALLBACK_URL".',
        )
    if not _is_login_url_answered():
        yield _warning(
            11,
            "LOGIN_URL is no page of your site: visitors who have to sign in end there.",
            'Set LOGIN_URL = "erpnet_instanceid:signin".',
        )


def _has_languages_in_path() -> bool:
    paths = set()
    for code, _ in settings.LANGUAGES:
        with translation.override(code):
            paths.add(reverse("erpnet_instanceid:signin_callback"))
    return len(paths) > 1


def _is_login_url_answered() -> bool:
    try:
        reverse(settings.LOGIN_URL)
    except NoReverseMatch:
        pass
    else:
        return True
    try:
        url = str(settings.LOGIN_URL)
    except NoReverseMatch:
        return False
    if urlsplit(url).netloc:
        # A page of another site is not for us to judge.
        return True
    # Django adds a slash that is missing.
    return url.startswith("/") and any(_leads_to(path, object) for path in (url, f"{url}/"))


def _leads_to(url: str, view_class: type) -> bool:
    """Whether the path of ``url`` is answered by a view of this class; ``object`` for any view."""
    path = urlsplit(url).path or "/"
    parts = path.split("/")[1:]
    # A server may put the site below a prefix, which is not part of what Django sees.
    # The slash at the end would be left over as the site's front page.
    within = [
        f"/{'/'.join(parts[index:])}" for index, part in enumerate(parts) if part or not index
    ]
    with translation.override(translation.get_language_from_path(path)):
        return any(_is_answered_by(path, view_class) for path in within)


def _is_answered_by(path: str, view_class: type) -> bool:
    try:
        view = resolve(path).func
    except Resolver404:
        return False
    return issubclass(getattr(view, "view_class", object), view_class)


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
