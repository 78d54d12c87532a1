"""What stands around the settings: backend, middleware, sessions, URLs, database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import CheckMessage, Tags, register
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.utils import translation
from django.utils.module_loading import import_string

from ..backends import InstanceIDBackend
from ..conf import conf
from ..middleware import TokenRefreshMiddleware
from ..oidc.provider import is_safe_address
from ..views.callback import SignInCallbackView
from ..views.signout import SignOutCallbackView
from .messages import error, name, warning

SERVER_SIDE_SESSIONS = "django.contrib.sessions.backends.db"
URLS_MISSING = (
    "The app's URLs are not part of your site.",
    'Add path("", include("erpnet_instanceid.urls")) to your urlpatterns.',
)


@register(Tags.security)
def check_site(**_kwargs: Any) -> list[CheckMessage]:
    """What stands around the dict: backend, middleware, sessions, URLs, database."""
    return [*_backend(), *_middleware(), *_sessions(), *_urls(), *_databases()]


def _backend() -> Iterator[CheckMessage]:
    if any(_is_a(path, InstanceIDBackend) for path in settings.AUTHENTICATION_BACKENDS):
        return
    yield error(
        20,
        "AUTHENTICATION_BACKENDS lacks the backend of this app.",
        "Add 'erpnet_instanceid.backends.InstanceIDBackend'.",
    )


def _middleware() -> Iterator[CheckMessage]:
    paths = list(settings.MIDDLEWARE)
    places = [index for index, path in enumerate(paths) if _is_a(path, TokenRefreshMiddleware)]
    if not places:
        yield error(
            21,
            "MIDDLEWARE lacks the middleware that keeps visitors signed in.",
            "Add 'erpnet_instanceid.middleware.TokenRefreshMiddleware' after "
            "AuthenticationMiddleware.",
        )
        return
    sessions = [index for index, path in enumerate(paths) if _is_a(path, SessionMiddleware)]
    if not sessions or sessions[0] > places[0]:
        yield error(
            25,
            "TokenRefreshMiddleware has no SessionMiddleware before it.",
            "Add 'django.contrib.sessions.middleware.SessionMiddleware' before it.",
        )
    users = [index for index, path in enumerate(paths) if _is_a(path, AuthenticationMiddleware)]
    if not users or users[0] > places[0]:
        yield error(
            22,
            "TokenRefreshMiddleware has no AuthenticationMiddleware before it.",
            "Add 'django.contrib.auth.middleware.AuthenticationMiddleware' before it.",
        )


def _sessions() -> Iterator[CheckMessage]:
    if settings.SESSION_ENGINE == "django.contrib.sessions.backends.signed_cookies":
        yield error(
            23,
            "SESSION_ENGINE keeps sessions in cookies, where a sign-out cannot end them.",
            f"Use a server-side engine, such as {SERVER_SIDE_SESSIONS!r}.",
        )
    url = conf.callback_url or ""
    if not settings.SESSION_COOKIE_SECURE and (url.startswith("https:") or not settings.DEBUG):
        yield warning(
            2,
            "SESSION_COOKIE_SECURE is not set.",
            "Set it to True on a site that is served by https, so that the session cookie never "
            "travels in clear.",
        )


def _urls() -> Iterator[CheckMessage]:
    try:
        callback = reverse("erpnet_instanceid:signin_callback")
    except NoReverseMatch:
        yield error(24, *URLS_MISSING)
        return
    url = conf.callback_url
    if url and is_safe_address(url) and not _leads_to(url, SignInCallbackView):
        yield warning(
            6,
            f"{name('CALLBACK_URL')} does not lead to the app's callback.",
            f"Its path is {callback} here. Silence this where a proxy gives the path another name.",
        )
    url = conf.post_logout_url
    if url and is_safe_address(url) and not _leads_to(url, SignOutCallbackView):
        yield warning(
            9,
            f"{name('POST_LOGOUT_URL')} does not lead to the app's sign-out callback.",
            f"Its path is {reverse('erpnet_instanceid:signout_callback')} here. Silence this where "
            "a proxy gives the path another name, or where you want another page.",
        )
    if not conf.callback_url and _has_languages_in_path():
        yield warning(
            10,
            "The app's URLs stand in i18n_patterns, so that the callback's address depends on the "
            "visitor's language.",
            "Move the include out of i18n_patterns: the instance accepts one address, to the "
            'character. Or set "CALLBACK_URL".',
        )
    if not _is_login_url_answered():
        yield warning(
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
            yield warning(
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
