"""Sign-out: here first, then at the instance, and back."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables
from django.views.generic import View
from mozilla_django_oidc.views import OIDCLogoutView

from .. import arrivals
from ..conf import conf, oidc_setting, redirect_field_name
from ..endings import end_with_session
from ..oidc.authorization import with_parameters
from ..oidc.errors import InstanceIDError
from ..oidc.token_endpoint import REVOCATION_SECONDS, revoke
from ..oidc.tokens import TokenSet
from ..pages import form_page, page, private
from ..sealing import seal, unseal
from ..targets import requested_target, safe_target

logger = logging.getLogger("erpnet_instanceid")

STATE_SECONDS = 3600
# Servers and proxies cut an address at 8 kB, and Django refuses to redirect to twice that.
MAX_HINT_CHARACTERS = 6000
MAX_STATE_CHARACTERS = 1500


class SignOutView(OIDCLogoutView):  # type: ignore[misc]
    """Signs the visitor out here, whatever the instance does, and then there.

    OpenID Connect RP-Initiated Logout 2. A GET asks first: anybody can make a browser send one.
    """

    http_method_names = ["get", "post"]

    @staticmethod
    def get_settings(attr: str, *args: Any) -> Any:
        return oidc_setting(attr, *args)

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

    @method_decorator(sensitive_variables())
    def post(self, request: HttpRequest) -> HttpResponseBase:
        target = self.redirect_url
        tokens = end_with_session(request, "signed_out")
        auth.logout(request)
        address = _end_at_instance(tokens, target) if tokens else None
        response = HttpResponseRedirect(address or target)
        arrivals.forget(request, response)
        return private(response)


class SignOutCallbackView(View):
    """Where the instance sends the visitor after sign-out there. Nobody is signed out by it."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest) -> HttpResponse:
        target = unseal("signout", request.GET.get("state", ""), max_age=STATE_SECONDS)
        url = safe_target(request, target.decode()) if target else ""
        if not url and settings.LOGOUT_REDIRECT_URL:
            url = resolve_url(settings.LOGOUT_REDIRECT_URL)
        return private(HttpResponseRedirect(url)) if url else page(request, "signed_out.html")


def _after_sign_out() -> str:
    return resolve_url(settings.LOGOUT_REDIRECT_URL or "erpnet_instanceid:signout_callback")


def _end_at_instance(tokens: TokenSet, target: str) -> str | None:
    """Revokes the refresh token; the address where the visitor's session there ends, if any."""
    client = conf.client
    hurried = dataclasses.replace(client, limits=client.limits.shortened_to(REVOCATION_SECONDS))
    try:
        endpoint = client.provider.metadata().end_session_endpoint
    except InstanceIDError as error:
        logger.warning("signed_out_here_only error=%s", error)
        return None
    if tokens.refresh_token is not None:
        revoke(hurried, tokens.refresh_token)
    if endpoint is None:
        return None
    back = conf.post_logout_url
    has_hint = 0 < len(tokens.id_token) <= MAX_HINT_CHARACTERS
    return with_parameters(
        endpoint,
        {
            "id_token_hint": tokens.id_token if has_hint else None,
            # The instance then asks the visitor, and may not send them back here.
            "client_id": None if has_hint else client.client_id,
            "post_logout_redirect_uri": back,
            "state": _state(target) if back else None,
        },
    )


def _state(target: str) -> str:
    state = seal("signout", target.encode())
    # A page too long to carry costs the visitor the way on to it, not the sign-out.
    return state if len(state) <= MAX_STATE_CHARACTERS else seal("signout", b"")
