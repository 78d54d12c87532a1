"""This app's own cookies: read, set and deleted in one place.

A neighbouring site can plant cookies here: a sibling subdomain sets one with ``Domain=``, and its
name may begin with a blank that Django strips. So a cookie counts only where the raw header names
it exactly once, byte for byte, and its value is taken from that place. RFC 6265bis 4.1.3, 8.6.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_cache_control

from .notes import note, noted

FRAMES = frozenset({"iframe", "frame", "embed", "object"})
# Cookies whose names start so are only in the jar of a frame of another site.
FRAME_PREFIX = "erpnet_frame_"
# The cookie by which a later request of the frame recognizes such a jar.
FRAME_MARK = FRAME_PREFIX + "here"

_NOTED = "cookies"


def full_name(request: HttpRequest, name: str) -> str:
    """The name of the cookie in the browser."""
    # The prefix makes the browser refuse a cookie of this name from a neighbouring site.
    return f"__Host-{name}" if request.is_secure() else name


def only(request: HttpRequest, name: str) -> str:
    """The cookie's value; empty where the header does not name it, or names it twice."""
    full = full_name(request, name)
    values = [value for sent, value in _sent(request) if sent == full]
    return values[0] if len(values) == 1 else ""


def starting_with(request: HttpRequest, prefix: str) -> dict[str, str]:
    """The values of the cookies whose names start with ``prefix``, by the rest of the name."""
    if prefix not in request.META.get("HTTP_COOKIE", ""):
        return {}
    full = full_name(request, prefix)
    rests = {sent.removeprefix(full) for sent, _value in _sent(request) if sent.startswith(full)}
    found = {rest: only(request, prefix + rest) for rest in rests}
    return {rest: value for rest, value in found.items() if value}


def was_sent(request: HttpRequest, name: str) -> bool:
    """Whether the header names the cookie at all, also more than once."""
    full = full_name(request, name)
    return any(sent == full for sent, _value in _sent(request))


def put(
    request: HttpRequest,
    response: HttpResponseBase,
    name: str,
    value: str,
    seconds: int,
    *,
    in_frame: bool | None = None,
) -> None:
    """Sets the cookie for that many seconds.

    ``in_frame``: in the jar of a frame that a page of another site shows.
    """
    if in_frame is None:
        in_frame = is_in_frame_of_another_site(request)
    full = full_name(request, name)
    response.set_cookie(
        full,
        value,
        path="/",
        secure=request.is_secure() or in_frame,
        httponly=True,
        # Lax even if the session's cookie is Strict: the browser has to send it when the instance
        # sends the visitor back.
        samesite="None" if in_frame else "Lax",
    )
    # For its argument `max_age`, Django also writes a date, which only Internet Explorer 8 needs.
    response.cookies[full]["max-age"] = seconds


def put_later(request: HttpRequest, name: str, value: str, seconds: int) -> None:
    """As `put`, for code that has no response: the middleware puts the cookie on it."""
    note(request, _NOTED, {**_noted(request), name: (value, seconds)})


def put_noted(request: HttpRequest, response: HttpResponseBase) -> None:
    """Sets the cookies that were noted. No cache keeps such a page for other visitors."""
    for name, (value, seconds) in _noted(request).items():
        put(request, response, name, value, seconds)
    if _noted(request):
        patch_cache_control(response, private=True)


def _noted(request: HttpRequest) -> dict[str, tuple[str, int]]:
    return noted(request, _NOTED) or {}


def is_in_frame_of_another_site(request: HttpRequest) -> bool:
    """Whether the request uses the cookie jar of a frame that a page of another site shows.

    The browser says so when it asks for the frame's page. Later requests of that page bring the
    frame's own cookie.
    """
    # Each request asks this, so the common case builds no `request.headers` and parses no cookies.
    sent = request.META
    if sent.get("HTTP_SEC_FETCH_DEST") in FRAMES and (
        sent.get("HTTP_SEC_FETCH_SITE") == "cross-site" or "HTTP_SEC_FETCH_STORAGE_ACCESS" in sent
    ):
        return True
    return bool(starting_with(request, FRAME_PREFIX))


def forget(request: HttpRequest, response: HttpResponseBase, name: str) -> None:
    """Deletes the cookie from the browser, where it has one."""
    if was_sent(request, name):
        put(request, response, name, "", 0)


def is_set_on(response: HttpResponseBase, request: HttpRequest, name: str) -> bool:
    """Whether this response sets the cookie."""
    return full_name(request, name) in response.cookies


def _sent(request: HttpRequest) -> Iterator[tuple[str, str]]:
    """Names and values as the browser sent them. Under ASGI, Django joins several headers."""
    for position, pair in enumerate(request.META.get("HTTP_COOKIE", "").split(";")):
        # One blank follows each semicolon; any other belongs to somebody's name.
        name, _, value = (pair.removeprefix(" ") if position else pair).partition("=")
        yield name, value
