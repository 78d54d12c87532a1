"""Pages that tell a visitor why something failed. The log has the same reference."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ..errors import APIError, MaximumLicenseCountExceeded
from ..oidc.authorization import with_parameters
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
from .explanations import note_for_developers
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
        "ca_bundle_missing",
        "ca_bundle_unreadable",
        "proxy_unsupported",
        "tables_missing",
    }
)
# The command that the log names for an error, in place of the doctor.
_CURE_OF = {"tables_missing": "manage.py migrate"}

_CLOCKS = _(
    "The sign-in took too long, or the clocks of this site and of the instance differ. "
    "Please start again."
)
_SENTENCES: dict[str, Promise] = {
    "unknown_attempt": _(
        "This sign-in was not started in this browser, or it is already complete. "
        "If you came here with the back button or a bookmark, just start again."
    ),
    "frame_code_refused": _(
        "The sign-in window and the page that opened it no longer belong together. "
        "Please start again. If this happens again, open the site in a window of its own."
    ),
    "metadata_pending": _(
        "This site is still waiting for the instance. This page tries again by itself."
    ),
    "attempt_expired": _("Too much time has passed since you started to sign in."),
    "answer_lost": _(
        "The answer of the instance did not reach this page. "
        "If this happens again, allow cookies for this site."
    ),
    "answer_too_large": _("The instance sent more data than this site can take."),
    "already_claimed": _("This sign-in is already being completed in another tab."),
    "sign_in_ended": _("The instance has just ended this sign-in."),
    "access_denied": _("The sign-in was cancelled at the instance."),
    "login_required": _("You need to sign in at the instance first."),
    "invalid_grant": _("The instance no longer accepts this sign-in."),
    "inactive_user": _("Your account on this site has been deactivated."),
    "unknown_user": _(
        "You do not have an account on this site. Ask the people who run it to add you."
    ),
    "email_taken": _(
        "Another account on this site already uses your e-mail address. "
        "Ask the people who run it to link that account to you."
    ),
    "account_conflict": _(
        "Your account could not be created because it conflicts with an existing one. "
        "Ask the people who run this site."
    ),
    "email_missing": _(
        "This site knows its users by their e-mail address, and the instance has not verified "
        "yours. Verify it at the instance, then sign in again."
    ),
    "user_not_saved": _(
        "This site could not create your account. It may need something that your account at the "
        "instance lacks, such as an e-mail address. Ask the people who run this site."
    ),
    "identity_incomplete": _(
        "The instance did not tell this site enough to recognise you. Please sign in again. "
        "If this happens again, ask the people who run this site."
    ),
    "sent_back": _(
        "You are signed in, but this page keeps asking you to sign in again. "
        "You may not have permission to open it, or your browser blocks cookies of this site."
    ),
    "user_type_refused": _("Your type of user may not use this site."),
    "token_expired": _CLOCKS,
    "token_not_yet_valid": _CLOCKS,
    "issuer_refused": _(
        "The link that brought you here is not meant for this site: it does not name the instance "
        "of this site. You can start a sign-in here."
    ),
    "not_form": _("What arrived here is not an answer of the instance."),
}
# Why this browser has no attempt that fits the answer.
_REASONS: dict[str, Promise] = {
    "no_cookie": _(
        "Your browser did not send back the cookie of this sign-in. "
        "If this happens again, allow cookies for this site."
    ),
    "another_key": _(
        "This site can no longer read the cookie of this sign-in. Please start again. "
        "If this happens again, tell the people who run this site."
    ),
    "another_host": _(
        "This sign-in was started at another address of this site. Please start again here."
    ),
    "too_old": _SENTENCES["attempt_expired"],
}
_TRY_IN_A_MINUTE = _("You cannot sign in right now. Please try again in a minute.")
_KINDS: tuple[tuple[type[InstanceIDError], int, Promise, Promise], ...] = (
    (
        MaximumLicenseCountExceeded,
        503,
        _("All licences are in use"),
        _(
            "The instance has no free licence right now. One becomes free when a colleague signs "
            "out, or 20 minutes after they stop working. Please try again then."
        ),
    ),
    (
        APIError,
        502,
        _("The instance refused"),
        _("The instance refused what this page asked it to do."),
    ),
    (
        SignInDenied,
        403,
        _("You cannot use this site"),
        _("You have signed in at the instance, but you may not use this site."),
    ),
    (InstanceUnavailable, 503, _("The instance does not answer"), _TRY_IN_A_MINUTE),
    (InvalidResponse, 502, _("The instance sent a faulty answer"), _TRY_IN_A_MINUTE),
    (
        OAuthError,
        400,
        _("The instance did not sign you in"),
        _("The instance did not complete this sign-in. Please start again."),
    ),
    (
        TokenRejected,
        400,
        _("You could not be signed in"),
        _("The answer of the instance could not be verified. You are not signed in."),
    ),
    (
        AttemptError,
        400,
        _("You could not be signed in"),
        _("This answer does not belong to a sign-in of this browser. Please start again."),
    ),
)
_AWAY = _("This page needs the instance, which does not answer. Please try again in a minute.")
_MISCONFIGURED = _("This site is not set up correctly. Please tell the people who run this site.")
# The site's own database has failed. These are InstanceUnavailable, since trying again may help.
_DATABASE_FAILED: dict[str, Promise] = {
    "database_busy": _(
        "This site cannot read or store its data right now. Please try again in a minute."
    ),
    "tables_missing": _MISCONFIGURED,
}


def describe(error: InstanceIDError) -> tuple[int, Promise, Promise]:
    """Status, title and sentence for a visitor."""
    for kind, status, title, sentence in _KINDS:
        if isinstance(error, kind):
            if error.code in _DATABASE_FAILED:
                return status, _("This site has a problem"), _DATABASE_FAILED[error.code]
            if _is_the_operators(error):
                return 502, title, _MISCONFIGURED
            reason = _REASONS.get(str(error.facts.get("reason")))
            return status, title, reason or _SENTENCES.get(error.code, sentence)
    return 500, _("You could not be signed in"), _("Something went wrong. Please start again.")


def _is_the_operators(error: InstanceIDError) -> bool:
    # Any visitor can put any error into the answer: that is no reason to alarm the operator.
    is_hearsay = isinstance(error, OAuthError) and error.from_browser
    return error.code in OPERATOR_ERRORS and not is_hearsay


def sign_in_failed_page(
    request: HttpRequest,
    error: InstanceIDError,
    *,
    reference: str = "",
    target: str = "",
    start_at: str = "",
    refresh: str = "",
    delay: int = 0,
) -> HttpResponse:
    """A page that says why the sign-in failed, with a way to start again. Also logs it.

    ``start_at`` is where that is, if not at the sign-in that leads to ``target``. ``refresh`` is
    where the page goes on by itself, after ``delay`` seconds.
    """
    sign_in_failed.send(type(error), request=request, error=error)
    status, title, sentence = describe(error)
    context = {
        "title": title,
        "message": sentence,
        "code": error.code,
        "note": note_for_developers(error),
        "reference": _logged("sign_in_failed", error, reference),
        "refresh": refresh,
        "delay": delay,
        **_ways_on(error, start_at or signin_address(target)),
    }
    return _error_page(request, status, context)


def _ways_on(error: InstanceIDError, address: str) -> dict[str, Any]:
    again = {"again": address, "again_text": _("Start again")}
    # Without a prompt the instance would sign the same person in again without asking.
    somebody_else = with_parameters(address, {"prompt": "login"})
    if isinstance(error, SignInDenied):
        return {"again": somebody_else, "again_text": _("Sign in as somebody else")}
    if error.code in _DATABASE_FAILED:
        return {**again, "again_text": _("Try again")}
    if error.code == "access_denied":
        return {**again, "again_text": _("Try again"), "somebody_else": somebody_else}
    return again


def instance_failed_page(request: HttpRequest, error: InstanceIDError) -> HttpResponse:
    """A page, or JSON for a script, that says why the instance did not serve the visitor. Also
    logs it."""
    status, title, sentence = describe(error)
    if isinstance(error, InstanceUnavailable) and error.code not in _DATABASE_FAILED:
        # The usual sentence speaks of a sign-in, and this visitor was not signing in.
        sentence = _AWAY
    reference = _logged("instance_failed", error)
    if shows_page(request):
        again = request.get_full_path() if request.method in ("GET", "HEAD") else ""
        context = {
            "title": title,
            "message": sentence,
            "code": error.code,
            "note": note_for_developers(error),
            "reference": reference,
            "again": again,
            "again_text": _("Try again"),
            "refresh": "",
            "delay": 0,
        }
        return _error_page(request, status, context)
    told = {"error": error.code, "message": str(sentence), "reference": reference}
    return private(JsonResponse(told, status=status))


def _error_page(request: HttpRequest, status: int, context: dict[str, Any]) -> HttpResponse:
    response = page(request, "error.html", context, status=status)
    # This app has logged the error. For a 5xx, Django would mail the whole request to ADMINS: its
    # cookies and, in query mode, the code.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _logged(event: str, error: InstanceIDError, reference: str = "") -> str:
    """Logs the error; the reference that its line has."""
    reference = reference or secrets.token_hex(8)
    level, line = logging.WARNING, "%s reference=%s error=%s kind=%s"
    if _is_the_operators(error):
        command = _CURE_OF.get(error.code, "manage.py instanceid doctor")
        level, line = logging.ERROR, f"{line} run='{command}'"
    logger.log(level, line, event, reference, error, type(error).__name__)
    return reference


def form_not_kept_page(request: HttpRequest, **params: str) -> HttpResponse:
    """Tells the visitor that their form could not be kept; ``params`` are those of the sign-in."""
    address = signin_address(**params)
    return page(request, "form_not_kept.html", {"address": address}, status=401)
