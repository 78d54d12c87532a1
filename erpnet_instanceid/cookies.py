"""How this app's own cookies are written, and told from what a neighbouring site has set."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase


def full_name(request: HttpRequest, name: str) -> str:
    """What the cookie is called in the browser."""
    # The prefix makes the browser refuse a cookie of this name from a neighbouring site.
    return f"__Host-{name}" if request.is_secure() else name


def times_sent(request: HttpRequest, full_name: str) -> int:
    """How many cookies of this name came with the request, of which Django keeps the last."""
    pairs = request.META.get("HTTP_COOKIE", "").split(";")
    return sum(pair.partition("=")[0].strip() == full_name for pair in pairs)


def write(
    request: HttpRequest, response: HttpResponseBase, full_name: str, value: str, seconds: int
) -> None:
    """Sets the cookie for so many seconds."""
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


def delete(request: HttpRequest, response: HttpResponseBase, full_name: str) -> None:
    """Takes the cookie off the browser."""
    write(request, response, full_name, "", 0)
