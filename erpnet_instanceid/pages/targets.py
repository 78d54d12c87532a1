"""Where a visitor may be sent, and how the site's own addresses look to the instance."""

from __future__ import annotations

from urllib.parse import quote, urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve, reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme

from ..conf import conf, redirect_field_name
from ..oidc import http

APP_NAME = "erpnet_instanceid"
CALLBACK = f"{APP_NAME}:signin_callback"
# reverse() leaves these in a path as they are, and quotes all others. RFC 3986 3.3.
PATH_CHARACTERS = "/:@!$&'()*+,;=~"


def requested_target(request: HttpRequest) -> str:
    """The page of this site that the request names as its target, else empty."""
    name = redirect_field_name()
    posted = request.POST.get(name) if request.method == "POST" else None
    return safe_target(request, posted or request.GET.get(name, ""))


def safe_target(request: HttpRequest, url: str) -> str:
    """``url`` if it is a page of this site that a visitor can be sent to, else empty."""
    if not url or not url.isprintable() or "\\" in url:
        return ""
    # An address names a host after two slashes only. Django takes its time to give the request's.
    hosts = {request.get_host()} if "//" in url else None
    allowed = url_has_allowed_host_and_scheme(url, hosts, require_https=request.is_secure())
    if not allowed or not (url.startswith("/") or "://" in url) or _is_ours(url):
        return ""
    return url


def _is_ours(url: str) -> bool:
    # A sign-in that ends at the start of a sign-in would never end.
    try:
        path = urlsplit(url).path
    except ValueError:
        return True
    within = path.removeprefix(get_script_prefix().rstrip("/"))
    return is_own_path(within) and path != reverse("erpnet_instanceid:signin_resume")


def is_own_path(path: str) -> bool:
    """Whether a path of the site is one of this app's views."""
    # Every route in urls.py has this, and asking the site's routes takes a hundred times longer.
    if "sign" not in path:
        return False
    try:
        return resolve(path).app_name == APP_NAME
    except Resolver404:
        return False


def has_own_urls() -> bool:
    """Whether the URLs of this app are in the URLconf of the request.

    A site may have a URLconf for each of its hosts, and this app on one of them.
    """
    try:
        reverse("erpnet_instanceid:signin")
    except NoReverseMatch:
        return False
    return True


def path_of(target: str) -> str:
    """A page of this site without scheme and host."""
    return urlsplit(target)._replace(scheme="", netloc="").geturl()


def default_target() -> str:
    """The page to go on to where the visitor wanted none."""
    return resolve_url(settings.LOGIN_REDIRECT_URL)


def callback_address(request: HttpRequest, host: str = "") -> str:
    """The ImpersonateLoginUrl, character by character as it has to be registered.

    ``host`` is the request's, where the caller has asked for it: Django works it out each time.
    """
    if conf.callback_url:
        return conf.callback_url
    return f"{request.scheme}://{host or request.get_host()}{_callback_path(request)}"


def _callback_path(request: HttpRequest) -> str:
    # Looking up the path takes long, and the request for the callback has it. Quoted as reverse()
    # quotes it: the instance compares addresses character by character.
    here = request.resolver_match
    if here is not None and here.view_name == CALLBACK:
        path = get_script_prefix() + request.path_info.removeprefix("/")
        return quote(path, safe=PATH_CHARACTERS)
    return reverse(CALLBACK)


def signed_out_address(request: HttpRequest) -> str:
    """The ImpersonateLogoutUrl; empty if a sign-out is to end at the instance."""
    if conf.post_logout_url is not None:
        return conf.post_logout_url
    path = reverse("erpnet_instanceid:signout_callback")
    return signed_out_beside_callback() or request.build_absolute_uri(path)


def signed_out_beside_callback() -> str:
    """The ImpersonateLogoutUrl at the site that CALLBACK_URL names; empty if that is not set.

    A site sets CALLBACK_URL where its requests tell another address: of a proxy, of a second host,
    in the visitor's language. The instance knows one address for each.
    """
    callback = (conf.callback_url or "").rstrip("/")
    if not callback:
        return ""
    with translation.override(translation.get_language_from_path(urlsplit(callback).path)):
        own = reverse(CALLBACK)
        path = reverse("erpnet_instanceid:signout_callback")
    site = callback.removesuffix(own) if callback.endswith(own) else http.origin_of(callback)
    return site + path


def signin_address(target: str = "", **params: str) -> str:
    """The path that starts a sign-in and then goes on to ``target``."""
    path = reverse("erpnet_instanceid:signin")
    query = {**({redirect_field_name(): target} if target else {}), **params}
    return f"{path}?{urlencode(query)}" if query else path
