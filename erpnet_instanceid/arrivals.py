"""Sign-ins that go round in circles: a page that sends who has just signed in to sign in again.

The instance knows the visitor by then, and asks nothing. Without an end to it their browser would
go to and fro until they close it.
"""

from __future__ import annotations

import hashlib
import re
import time

from django.http import HttpRequest, HttpResponseBase

from . import cookies

# A person who signs in five times over has not done so in less time, page by page.
MAX_IN_A_ROW = 5
SECONDS = 10

_COOKIE = "erpnet_arrived"
_MARK = re.compile(r"([0-9]{1,2})\.([0-9]{1,12})\.([0-9a-f]{16})", re.ASCII)


def note(request: HttpRequest, response: HttpResponseBase, target: str, in_a_row: int) -> None:
    """Marks that a sign-in for ``target`` has just been completed, the so-manieth in a row.

    The mark is not sealed: whoever makes one up is asked by the instance who they are.
    """
    mark = f"{in_a_row}.{int(time.time())}.{_digest(target)}"
    cookies.write(request, response, cookies.full_name(request, _COOKIE), mark, SECONDS)


def in_a_row(request: HttpRequest, target: str) -> int:
    """How many sign-ins for ``target`` this browser has just completed, one right after another."""
    mark = _MARK.fullmatch(request.COOKIES.get(cookies.full_name(request, _COOKIE), ""))
    if mark is None or mark[3] != _digest(target):
        return 0
    return int(mark[1]) if 0 <= time.time() - int(mark[2]) <= SECONDS else 0


def forget(request: HttpRequest, response: HttpResponseBase) -> None:
    """Takes the mark off the browser of somebody who signs out."""
    name = cookies.full_name(request, _COOKIE)
    if name in request.COOKIES:
        cookies.delete(request, response, name)


def _digest(target: str) -> str:
    return hashlib.sha256(target.encode("utf-8", "surrogatepass")).hexdigest()[:16]
