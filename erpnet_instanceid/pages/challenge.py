"""The answer to a visitor who has to sign in (again): a redirect, or JSON for a script."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from ..notes import note, noted
from .targets import path_of, safe_target, signin_address

_WANTED = "sign-in wanted"
# The last three are what older browsers send.
TELL_PURPOSE = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")
SPECULATIVE = ("prefetch", "prerender", "preview")
VARIES_BY = ("Sec-Fetch-Mode", "HX-Request", "X-Requested-With", "Accept")


def shows_page(request: HttpRequest) -> bool:
    """Whether the answer to this request becomes a page that the visitor sees.

    A script would follow a redirect to the instance, whose pages it may not read.
    """
    # Django would build `request.headers` from all headers, to give us four.
    sent = request.META
    if sent.get("HTTP_HX_REQUEST") == "true":
        return False
    mode: str | None = sent.get("HTTP_SEC_FETCH_MODE")
    if mode is not None:
        return mode == "navigate"
    if sent.get("HTTP_X_REQUESTED_WITH") == "XMLHttpRequest":
        return False
    # Scripts also take anything, after the type that they want; a tool takes nothing else.
    accept = sent.get("HTTP_ACCEPT", "*/*")
    return "text/html" in accept.lower() or accept.strip() == "*/*"


def want_sign_in(request: HttpRequest) -> None:
    """Notes that a refusal of this request means: sign in. See `told_to_sign_in`."""
    note(request, _WANTED, True)


def told_to_sign_in(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """``response``, or where to sign in for a script that is refused for want of a sign-in.

    Packages for APIs answer such a script with a 403 or 401 that does not say so.
    """
    refused = response.status_code in (401, 403) and noted(request, _WANTED)
    return sign_in_required(request) if refused and not shows_page(request) else response


def is_speculative(request: HttpRequest) -> bool:
    """Whether the browser only fetches ahead: a prefetch or a prerender, before any click."""
    told = [request.META[name] for name in TELL_PURPOSE if name in request.META]
    return any(purpose.partition(";")[0].strip() in SPECULATIVE for purpose in told)


def page_of_script(request: HttpRequest) -> str:
    """The page whose script sent this request, empty where it does not say."""
    url = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    return path_of(safe_target(request, url))


def sign_in_required(request: HttpRequest, target: str = "", **params: str) -> HttpResponseBase:
    """A redirect to sign-in for a page; 401 with the address to sign in at for a script."""
    if shows_page(request):
        response: HttpResponseBase = HttpResponseRedirect(signin_address(target, **params))
    else:
        address = signin_address(page_of_script(request), **params)
        response = JsonResponse(
            {
                "error": "sign_in_required",
                "message": _("Please sign in again."),
                "sign_in_url": address,
            },
            status=401,
        )
        if request.headers.get("HX-Request") == "true":
            response["HX-Redirect"] = address
    response["Cache-Control"] = "no-store"
    patch_vary_headers(response, VARIES_BY)
    return response
