"""How this app's own cookies are written, and told from what a neighbouring site has set."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase


def full_name(request: HttpRequest, name: str) -> str:
    """What the cookie is called in the browser."""
    # The prefix makes the browser refuse a cookie of this name from a neighbouring site.
    return f"__Host-{name}" if request.is_secure() else name


def only(request: HttpRequest, name: str) -> str:
    """The cookie's value, empty where there is none.

    And where two of the name came: a neighbouring site has set one, and nothing tells which.
    """
    full = full_name(request, name)
    value = request.COOKIES.get(full, "")
    return value if value and _times_sent(request, full) < 2 else ""


def put(
    request: HttpRequest, response: HttpResponseBase, name: str, value: str, seconds: int
) -> None:
    """Sets the cookie for so many seconds."""
    _write(request, response, full_name(request, name), value, seconds)


def forget(request: HttpRequest, response: HttpResponseBase, name: str) -> None:
    """Takes the cookie off the browser, where it has one."""
    full = full_name(request, name)
    if full in request.COOKIES:
        delete(request, response, full)


def delete(request: HttpRequest, response: HttpResponseBase, full_name: str) -> None:
    """Takes a cookie off the browser, by what it is called there."""
    _write(request, response, full_name, "", 0)


def _times_sent(request: HttpRequest, full_name: str) -> int:
    # Django keeps the last of several.
    pairs = request.META.get("HTTP_COOKIE", "").split(";")
    return sum(pair.partition("=")[0].strip() == full_name for pair in pairs)


def _write(
    request: HttpRequest, response: HttpResponseBase, full_name: str, value: str, seconds: int
) -> None:
    response.set_cookie(
        full_name,
        value,
        max_age=seconds,
        path="/",
        secure=request.is_secure(),
        httponly=True,
        # Lax, whatever the session's is: it has to be there when the instance sends back.
        samesite="Lax",
    )
