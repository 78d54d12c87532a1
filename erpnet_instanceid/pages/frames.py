"""Pages of this site inside frames of other pages.

The instance's pages cannot be framed. A frame of another site has a cookie jar of its own, where
browsers keep a cookie only as ``SameSite=None; Secure; Partitioned``.
"""

from __future__ import annotations

from http.cookies import Morsel, SimpleCookie
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from .. import cookies
from ..conf import conf

# On an address: the page's script says that it is in a frame, for browsers that do not say so.
FRAMED = "framed"


def is_framed(request: HttpRequest) -> bool:
    """Whether the answer to this request becomes the content of a frame."""
    return request.META.get("HTTP_SEC_FETCH_DEST") in cookies.FRAMES or FRAMED in request.GET


def allow_framing(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The response, which this site and those of FRAMED_BY may show in a frame."""
    ancestors = " ".join(["'self'", *conf.framed_by])
    response["Content-Security-Policy"] = f"frame-ancestors {ancestors}"
    del response["X-Frame-Options"]
    response.xframe_options_exempt = True
    return response


def with_cookies(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The response with the cookies that were noted; in a foreign site's frame partitioned.

    So are those that Django's middleware sets later: Django has no setting for this.
    """
    is_in_frame = cookies.is_in_frame_of_another_site(request) and bool(conf.framed_by)
    if is_in_frame and not cookies.starting_with(request, cookies.FRAME_PREFIX):
        # At the next pages of this frame, Safari does not say that the frame is in another site.
        cookies.put_later(request, cookies.FRAME_MARK, "1", settings.SESSION_COOKIE_AGE)
    cookies.put_noted(request, response)
    if is_in_frame:
        response.cookies = _Partitioned(response.cookies)
    return response


class _Partitioned(SimpleCookie):
    """Cookies that are sent out as partitioned. Python knows the word from 3.14 on only."""

    def __init__(self, others: SimpleCookie) -> None:
        super().__init__()
        for name, morsel in others.items():
            dict.__setitem__(self, name, morsel)

    def values(self) -> Any:
        return [_PartitionedMorsel(morsel) for morsel in super().values()]


class _PartitionedMorsel(Morsel[str]):
    def __init__(self, morsel: Morsel[str]) -> None:
        super().__init__()
        self.set(morsel.key, morsel.value, morsel.coded_value)
        self.update(morsel)

    def OutputString(self, attrs: Any = None) -> str:  # noqa: N802 - the name is Python's
        text = super().OutputString(attrs)
        is_third_party = "SameSite=None" in text and "Secure" in text
        return f"{text}; Partitioned" if is_third_party and "Partitioned" not in text else text
