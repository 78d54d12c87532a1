"""The sign-in of a frame: its popup, and the frame's redemption of what the popup brings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import Error as DatabaseFailure
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import View

from ..oidc.authorization import with_parameters
from ..oidc.errors import AttemptError, InstanceIDError
from ..outages import as_unavailable
from ..pages.challenge import is_speculative, shows_page, sign_in_required
from ..pages.failures import sign_in_failed_page
from ..pages.frames import allow_framing, is_framed
from ..pages.render import page, private
from ..pages.targets import default_target, requested_target, signin_address
from ..signin import frames
from ..signin.completion import sign_visitor_in
from ..signin.language import choose_language
from ..signin.start import asked, moved_to_callback_host, start
from .reporting import report, sensitive_request


def answer_without_start(request: HttpRequest, target: str) -> HttpResponseBase | None:
    """The answer to a request that starts no sign-in here; None for one that does."""
    if is_speculative(request):
        # A browser drops what it fetched ahead if the status is not 2xx, and asks again.
        return private(HttpResponse(status=425))
    if not shows_page(request):
        return sign_in_required(request)
    moved = moved_to_callback_host(request)
    if moved is None and is_framed(request):
        return _framed_page(request, target)
    return moved


def _framed_page(request: HttpRequest, target: str) -> HttpResponse:
    """The page in the frame: a button that opens the popup, and a link where scripts are off."""
    # A view may want a sign-in that asks for the password again.
    params = {name: request.GET[name] for name in ("prompt", "max_age") if name in request.GET}
    context = {
        "window": signin_address(target, **params),
        "popup": with_parameters(frames.popup_address(request), params),
        "redeem": frames.redeem_address(target),
    }
    response = page(request, "framed.html", context)
    response["Referrer-Policy"] = "same-origin"
    return allow_framing(request, response)


def for_popup(response: HttpResponse) -> HttpResponse:
    """The response, from which the window keeps its opener: Django's default would cut it off."""
    response["Cross-Origin-Opener-Policy"] = "unsafe-none"
    return response


def popup_done(request: HttpRequest, code: str) -> HttpResponse:
    """The popup's last page: hands the code to the frame, or says what to do if it is gone."""
    return for_popup(page(request, "popup_done.html", {"code": code}))


class PopupView(View):
    """Starts a sign-in at top level, for a frame."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest) -> HttpResponseBase:
        opener = frames.read_opener(request)
        if opener is None:
            error = AttemptError("frame_code_refused", reason="opener_unknown")
            return for_popup(sign_in_failed_page(request, error))
        instead = answer_without_start(request, "")
        if instead is not None:
            return instead
        return for_popup(start(request, "", frame=opener.secret_hash, **asked(request)))


class RedeemView(View):
    """Signs the visitor in, in the frame's own cookie jar."""

    http_method_names = ["post"]

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        # Guarded by more than a CSRF token: the code is bound to the secret in the frame's jar.
        return csrf_exempt(sensitive_request(super().as_view(**initkwargs)))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        wanted = requested_target(request)
        target = wanted or default_target()
        try:
            code = request.POST.get("frame_code", "")
            sign_in, claims, tokens = frames.redeem_code(request, code)
            sign_visitor_in(request, sign_in.attempt[:16], claims, tokens, sign_in, target)
        except InstanceIDError as error:
            return allow_framing(request, sign_in_failed_page(request, error, target=wanted))
        except DatabaseFailure as failure:
            page_of_failure = sign_in_failed_page(request, as_unavailable(failure), target=wanted)
            report(request, page_of_failure, failure)
            return allow_framing(request, page_of_failure)
        response = allow_framing(request, private(HttpResponseRedirect(target)))
        choose_language(request, response, tokens, claims["sub"])
        frames.mark(request, response)
        return response
