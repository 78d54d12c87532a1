"""Sign-out: here first, then at the instance, and back."""

from __future__ import annotations

import logging

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.views.generic import View

from ..conf import redirect_field_name
from ..mozilla import LogoutView
from ..oidc.tracebacks import hides_own_frames
from ..pages.frames import allow_framing, is_framed
from ..pages.render import form_page, page, private
from ..pages.targets import requested_target, safe_target, signed_out_address
from ..signin import loops as arrivals
from ..signout.at_instance import EndSession, end_at_instance, read_state
from ..tokens.connections import give_back
from ..tokens.endings import end_with_session, sign_out

logger = logging.getLogger("erpnet_instanceid")


class SignOutView(LogoutView):
    """Signs the visitor out here, whatever the instance does, and then there.

    OpenID Connect RP-Initiated Logout 2. A GET asks first: anybody can make a browser send one.
    """

    http_method_names = ["get", "post"]

    @property
    def redirect_url(self) -> str:
        return requested_target(self.request) or _after_sign_out()

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return form_page(
            request,
            "signout.html",
            {
                "target": requested_target(request),
                "redirect_field_name": redirect_field_name(),
            },
        )

    @hides_own_frames
    def post(self, request: HttpRequest) -> HttpResponseBase:
        target = self.redirect_url
        tokens = end_with_session(request, "signed_out")
        sign_out(request)
        back = signed_out_address(request)
        # Other requests can use the database connection while the instance works.
        give_back()
        at_instance = end_at_instance(tokens, target, back=back) if tokens else None
        response: HttpResponse = HttpResponseRedirect(target)
        if at_instance is not None:
            response = _on_to_instance(request, at_instance)
        arrivals.forget(request, response)
        return private(response)


class SignOutCallbackView(View):
    """Where the instance sends the visitor after sign-out there. Nobody is signed out by it."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest) -> HttpResponse:
        url = safe_target(request, read_state(request.GET.get("state", "")))
        if not url and settings.LOGOUT_REDIRECT_URL:
            url = resolve_url(settings.LOGOUT_REDIRECT_URL)
        return private(HttpResponseRedirect(url)) if url else _signed_out(request)


def _on_to_instance(request: HttpRequest, at_instance: EndSession) -> HttpResponse:
    if is_framed(request):
        # The instance's pages cannot be framed.
        return allow_framing(request, _signed_out(request, at_instance.address))
    if at_instance.fits_address:
        return HttpResponseRedirect(at_instance.address)
    return page(request, "signing_out.html", {"at_instance": at_instance})


def _signed_out(request: HttpRequest, at_instance: str = "") -> HttpResponse:
    return page(request, "signed_out.html", {"at_instance": at_instance})


def _after_sign_out() -> str:
    return resolve_url(settings.LOGOUT_REDIRECT_URL or "erpnet_instanceid:signout_callback")
