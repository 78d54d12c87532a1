"""Detects loops: a page that sends a visitor who has just signed in to sign in again.

The instance knows the visitor by then and asks nothing, so the browser would go between the two
sites until the visitor closes it.
"""

from __future__ import annotations

import re
import time

from django.http import HttpRequest, HttpResponseBase

from .. import cookies

# Nobody who signs in by hand does so this often, this fast.
MAX_IN_A_ROW = 5
SECONDS = 10

_COOKIE = "erpnet_arrived"
_MARK = re.compile(r"([0-9]{1,2})\.([0-9]{1,12})")


def note(request: HttpRequest, response: HttpResponseBase, in_a_row: int) -> None:
    """Notes in a cookie that a sign-in has just been completed, and how many in a row that makes.

    Sign-ins to any page count: a loop may lead over several pages and tabs. The cookie is not
    sealed: a visitor who forges it gets an error page, whose button starts a sign-in.
    """
    cookies.put(request, response, _COOKIE, f"{in_a_row}.{int(time.time())}", SECONDS)


def in_a_row(request: HttpRequest) -> int:
    """How many sign-ins this browser has just completed, each right after the one before."""
    mark = _MARK.fullmatch(cookies.only(request, _COOKIE))
    if mark is None:
        return 0
    # Another host of the site may have written it, and its clock may be ahead.
    return int(mark[1]) if abs(time.time() - int(mark[2])) <= SECONDS else 0


def forget(request: HttpRequest, response: HttpResponseBase) -> None:
    """Deletes the cookie: the visitor has been told, or signs out."""
    cookies.forget(request, response, _COOKIE)
