"""The pages a visitor may see, and what they say when something is wrong."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ..errors import APIError, MaximumLicenseCountExceeded
from ..oidc.errors import (
    AttemptError,
    InstanceIDError,
    InstanceUnavailable,
    InvalidResponse,
    OAuthError,
    SignInDenied,
    TokenRejected,
)
from ..signals import sign_in_failed
from .challenge import shows_page
from .render import page, private
from .targets import signin_address

logger = logging.getLogger("erpnet_instanceid")

OPERATOR_ERRORS = frozenset(
    {
        "invalid_client",
        "unauthorized_client",
        "invalid_scope",
        "invalid_redirect_uri",
        "unsupported_grant_type",
        "unsupported_response_type",
        "invalid_request",
        "issuer_mismatch",
        "endpoint_missing",
        "endpoint_not_https",
    }
)

_CLOCKS = _(
    "The clocks of this site and of the instance do not agree, or the sign-in took too long. "
    "Please start again."
)
_SENTENCES: dict[str, Promise] = {
    "unknown_attempt": _(
        "This sign-in was not started in this browser, or was completed before. "
        "If you came here by the back button or a bookmark, just start again. "
        "If this comes again, your browser refuses the cookies of this site."
    ),
    "attempt_expired": _("Too much time passed since this sign-in was started."),
    "answer_lost": _(
        "The answer of the instance did not reach this page. "
        "Your browser may be set to refuse cookies."
    ),
    "answer_too_large": _("The instance sent more than can be carried over safely."),
    "already_claimed": _("This sign-in is already being completed in another tab."),
    "sign_in_ended": _("The instance has ended this sign-in meanwhile."),
    "access_denied": _("The sign-in was declined at the instance."),
    "login_required": _("The instance wants you to sign in there first."),
    "invalid_grant": _("The instance no longer knows of this sign-in."),
    "inactive_user": _("Your user on this site has been deactivated."),
    "unknown_user": _("You have no user on this site. Ask the people who run it to add you."),
    "email_taken": _(
        "A user of this site has your e-mail address already. "
        "Ask the people who run it to link you."
    ),
    "account_conflict": _(
        "Your user on this site could not be made, because another one is in its way. "
        "Ask the people who run it."
    ),
    "sent_back": _(
        "You are signed in, but this page asks you to sign in again each time. "
        "You may not be allowed to open it, or your browser refuses the cookies of this site."
    ),
    "user_type_refused": _("This site is not open to your kind of user at the instance."),
    "token_expired": _CLOCKS,
    "token_not_yet_valid": _CLOCKS,
    "not_form": _("What arrived is not an answer of the instance."),
}
_KINDS: tuple[tuple[type[InstanceIDError], int, Promise, Promise], ...] = (
    (
        MaximumLicenseCountExceeded,
        503,
        _("Everybody is at work"),
        _(
            "All licences of the instance are in use. One is free again when a colleague signs "
            "out, or 20 minutes after their last work. Please try again then."
        ),
    ),
    (
        APIError,
        502,
        _("The instance refused"),
        _("The instance did not do what this page asked of it."),
    ),
    (
        SignInDenied,
        403,
        _("You cannot enter"),
        _("You are known to the instance, but may not enter this site."),
    ),
    (
        InstanceUnavailable,
        503,
        _("The instance does not answer"),
        _("Signing in is not possible at this moment. Please try again in a minute."),
    ),
    (
        InvalidResponse,
        502,
        _("The instance gave a wrong answer"),
        _("Signing in is not possible at this moment. Please try again in a minute."),
    ),
    (
        OAuthError,
        400,
        _("The instance did not sign you in"),
        _("The instance ended this sign-in. Please start again."),
    ),
    (
        TokenRejected,
        400,
        _("You could not be signed in"),
        _("What arrived in the name of the instance does not hold. You have not been signed in."),
    ),
    (
        AttemptError,
        400,
        _("You could not be signed in"),
        _("What arrived is not the answer to a sign-in of this browser. Please start again."),
    ),
)
_AWAY = _(
    "This page needs the instance, which cannot be reached at this moment. "
    "Please try again in a minute."
)
_MISCONFIGURED = _(
    "This site and the instance are not set up for each other yet. "
    "Please tell the people who run this site."
)


def describe(error: InstanceIDError) -> tuple[int, Promise, Promise]:
    """Status, title and sentence for a visitor."""
    for kind, status, title, sentence in _KINDS:
        if isinstance(error, kind):
            if error.code in OPERATOR_ERRORS:
                return 502, title, _MISCONFIGURED
            return status, title, _SENTENCES.get(error.code, sentence)
    return 500, _("You could not be signed in"), _("Something went wrong. Please start again.")


def sign_in_failed_page(
    request: HttpRequest, error: InstanceIDError, *, reference: str = "", target: str = ""
) -> HttpResponse:
    """A page that says why the sign-in failed, with a way to start again. Tells the log, too."""
    sign_in_failed.send(type(error), request=request, error=error)
    again, again_text = signin_address(target), _("Start again")
    if isinstance(error, SignInDenied) or error.code == "access_denied":
        # The instance knows the person by now, and would send the same one back without a word.
        again, again_text = signin_address(target, prompt="login"), _("Sign in as somebody else")
    status, title, sentence = describe(error)
    context = {
        "title": title,
        "message": sentence,
        "code": error.code,
        "reference": _logged("sign_in_failed", error, reference),
        "again": again,
        "again_text": again_text,
    }
    return _error_page(request, status, context)


def instance_failed_page(request: HttpRequest, error: InstanceIDError) -> HttpResponse:
    """A page, or word to a script, that the instance did not serve the visitor. Tells the log."""
    status, title, sentence = describe(error)
    if isinstance(error, InstanceUnavailable):
        # Nobody was signing in.
        sentence = _AWAY
    reference = _logged("instance_failed", error)
    if shows_page(request):
        again = request.get_full_path() if request.method in ("GET", "HEAD") else ""
        context = {
            "title": title,
            "message": sentence,
            "code": error.code,
            "reference": reference,
            "again": again,
            "again_text": _("Try again"),
        }
        return _error_page(request, status, context)
    told = {"error": error.code, "message": str(sentence), "reference": reference}
    return private(JsonResponse(told, status=status))


def _error_page(request: HttpRequest, status: int, context: dict[str, Any]) -> HttpResponse:
    response = page(request, "error.html", context, status=status)
    # The line is in the log. Django's own would mail the whole request to ADMINS for a 5xx, with
    # its cookies and, in query mode, the code.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _logged(event: str, error: InstanceIDError, reference: str = "") -> str:
    """The reference under which the log has the error."""
    reference = reference or secrets.token_hex(8)
    level = logging.ERROR if error.code in OPERATOR_ERRORS else logging.WARNING
    kind = type(error).__name__
    logger.log(level, "%s reference=%s error=%s kind=%s", event, reference, error, kind)
    return reference


def form_not_kept_page(request: HttpRequest, **params: str) -> HttpResponse:
    """Tells who sent a form that it could not be kept; ``params`` are the sign-in's."""
    address = signin_address(**params)
    return page(request, "form_not_kept.html", {"address": address}, status=401)
