"""Checks that the site's addresses lead to the app's views."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.utils import translation

from ..conf import conf
from ..oidc.provider import is_safe_address
from ..views.callback import SignInCallbackView
from ..views.signin import SignInView
from ..views.signout import SignOutCallbackView
from .messages import error, name, warning

URLS_MISSING = (
    "The app's URLs are not part of your site.",
    'Add path("", include("erpnet_instanceid.urls")) to your urlpatterns.',
)


def check_urls() -> Iterator[CheckMessage]:
    try:
        reverse("erpnet_instanceid:signin_callback")
    except NoReverseMatch:
        yield error(24, *URLS_MISSING)
        return
    yield from _callback_url()
    yield from _post_logout_url()
    yield from _languages()
    yield from _login_url()
    yield from _pages_afterwards()


def _callback_url() -> Iterator[CheckMessage]:
    if _leads_elsewhere(conf.callback_url, SignInCallbackView):
        yield warning(
            6,
            f"{name('CALLBACK_URL')} does not lead to the app's callback.",
            f"On this site its path is {reverse('erpnet_instanceid:signin_callback')}. Silence "
            "this warning if a proxy changes the path.",
        )


def _post_logout_url() -> Iterator[CheckMessage]:
    if _leads_elsewhere(conf.post_logout_url, SignOutCallbackView):
        yield warning(
            9,
            f"{name('POST_LOGOUT_URL')} does not lead to the app's sign-out callback.",
            f"On this site its path is {reverse('erpnet_instanceid:signout_callback')}. Silence "
            "this warning if a proxy changes the path, or if you want another page.",
        )


def _languages() -> Iterator[CheckMessage]:
    if not conf.callback_url and _has_languages_in_path():
        yield warning(
            10,
            "The app's URLs are in i18n_patterns, so the callback's address changes with the "
            "visitor's language, and the instance accepts only one.",
            'Move the include out of i18n_patterns, or set "CALLBACK_URL".',
        )


def _has_languages_in_path() -> bool:
    paths = set()
    for code, _ in settings.LANGUAGES:
        with translation.override(code):
            paths.add(reverse("erpnet_instanceid:signin_callback"))
    return len(paths) > 1


def _login_url() -> Iterator[CheckMessage]:
    if not _is_login_url_answered():
        yield warning(
            11,
            "LOGIN_URL does not lead to a page of your site, so visitors who must sign in get a "
            "404.",
            'Set LOGIN_URL = "erpnet_instanceid:signin".',
        )


def _pages_afterwards() -> Iterator[CheckMessage]:
    for setting in ("LOGIN_REDIRECT_URL", "LOGOUT_REDIRECT_URL"):
        target = getattr(settings, setting)
        try:
            resolve_url(target or "/")
        except (NoReverseMatch, TypeError):
            yield warning(
                23,
                f"{setting} is {target!r}, and none of your URLs has this name.",
                "Set it to the name of a URL, or to a path that begins with a slash.",
            )
            continue
        if setting == "LOGIN_REDIRECT_URL":
            yield from _page_after_sign_in(resolve_url(target or "/"))


def _page_after_sign_in(url: str) -> Iterator[CheckMessage]:
    cure = "Set it to the name or the path of the page that visitors want after signing in."
    if url == "/":
        # The server in front of Django often has a front page of its own.
        return
    if not _is_answered(url):
        yield warning(
            25,
            f"LOGIN_REDIRECT_URL is {url!r}, and your site has no such page: a sign-in that does "
            "not say where to go ends in a 404.",
            cure,
        )
    elif _is_answered_by(urlsplit(url).path, SignInView):
        yield warning(24, "LOGIN_REDIRECT_URL leads to sign-in again, in a circle.", cure)


def _is_login_url_answered() -> bool:
    try:
        reverse(settings.LOGIN_URL)
    except NoReverseMatch:
        pass
    else:
        return True
    try:
        return _is_answered(str(settings.LOGIN_URL))
    except NoReverseMatch:
        return False


def _is_answered(url: str) -> bool:
    try:
        host = urlsplit(url).netloc
    except ValueError:
        return False
    if host:
        # Nobody here knows the pages of another site.
        return True
    # Django adds a missing slash.
    return url.startswith("/") and any(_leads_to(path, object) for path in (url, f"{url}/"))


def _leads_elsewhere(url: str | None, view_class: type) -> bool:
    return bool(url) and is_safe_address(url) and not _leads_to(str(url), view_class)


def _leads_to(url: str, view_class: type) -> bool:
    """Whether a view of this class answers the path of ``url``; ``object`` stands for any view."""
    path = urlsplit(url).path or "/"
    parts = path.split("/")[1:]
    # A server may put the site below a prefix that Django does not see, so each tail of the path
    # is tried. An empty tail would be the front page, and is left out.
    tails = [f"/{'/'.join(parts[index:])}" for index, part in enumerate(parts) if part or not index]
    with translation.override(translation.get_language_from_path(path)):
        return any(_is_answered_by(tail, view_class) for tail in tails)


def _is_answered_by(path: str, view_class: type) -> bool:
    try:
        view = resolve(path).func
    except Resolver404:
        return False
    return issubclass(getattr(view, "view_class", object), view_class)
