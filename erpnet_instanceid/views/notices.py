"""Sign-out notices of the instance: back-channel, and front-channel."""

from __future__ import annotations

import logging
import time

from django.db import Error as DatabaseFailure
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import View

from ..conf import conf
from ..models import SignIn
from ..oidc.errors import AttemptError, InstanceIDError, InstanceUnavailable, InvalidResponse
from ..oidc.fetched import as_stranger
from ..oidc.id_token import Claims, check_logout_token
from ..signout.notices import end_named_sign_ins
from ..tokens.endings import end, sign_out
from ..tokens.entry import read_entry
from .posted import posted_pairs
from .reporting import sensitive_request

logger = logging.getLogger("erpnet_instanceid")


# The instance calls by itself: there is no browser, no cookie and no CSRF token.
@method_decorator(csrf_exempt, name="dispatch")
@method_decorator(sensitive_request, name="dispatch")
class BackChannelSignOutView(View):
    """OpenID Connect Back-Channel Logout 2.5 to 2.8."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            claims = _checked_claims(request)
        except (InstanceUnavailable, InvalidResponse) as error:
            logger.warning("notice_not_checked error=%s", error)
            return _refused("temporarily_unavailable", status=503)
        except InstanceIDError as error:
            logger.warning("notice_refused error=%s", error)
            return _refused("invalid_request")
        try:
            end_named_sign_ins(claims)
        except DatabaseFailure as error:
            # The instance may send the notice again.
            logger.warning("sign_in_not_ended error=%s", type(error).__name__)
            return _refused("temporarily_unavailable", status=503)
        return _unstored(HttpResponse(status=200))


def _checked_claims(request: HttpRequest) -> Claims:
    tokens = [value for name, value in posted_pairs(request) if name == "logout_token"]
    if len(tokens) != 1:
        raise AttemptError("parameter_missing", parameter="logout_token")
    with as_stranger():
        return check_logout_token(tokens[0], client=conf.client, now=time.time())


@method_decorator(xframe_options_exempt, name="dispatch")
class FrontChannelSignOutView(View):
    """OpenID Connect Front-Channel Logout 2: the instance shows this address in a frame.

    Browsers that send no cookies to frames of other sites make it find nobody; the back-channel
    notice does not depend on them.
    """

    http_method_names = ["get"]

    def get(self, request: HttpRequest) -> HttpResponse:
        issuers, sids = request.GET.getlist("iss"), request.GET.getlist("sid")
        if issuers == [conf.issuer] and len(sids) == 1:
            try:
                _end_if_named(request, sids[0])
            except DatabaseFailure as error:
                logger.warning("sign_in_not_ended error=%s", type(error).__name__)
                return _refused("temporarily_unavailable", status=503)
        response = _unstored(HttpResponse(status=200))
        # Set here, so that no middleware of the site adds a policy that blocks the frame. The page
        # loads nothing.
        response["Content-Security-Policy"] = "default-src 'none'"
        return response


def _end_if_named(request: HttpRequest, sid: str) -> None:
    entry = read_entry(request.session)
    sign_in = SignIn.objects.open(entry.sign_in) if entry is not None else None
    if sign_in is not None and sign_in.sid and sign_in.sid == sid:
        # Ends the row first: Django's sign-out would end it with the reason "logged_out".
        end(sign_in, "notice")
        sign_out(request)


def _refused(error: str, status: int = 400) -> HttpResponse:
    return _unstored(JsonResponse({"error": error}, status=status))


def _unstored(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
