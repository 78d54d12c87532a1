"""The instance's answer: carried over to a GET, checked, and turned into a sign-in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.db import IntegrityError, transaction
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.views.decorators.csrf import csrf_exempt

from ..mozilla import CallbackView
from ..oidc.errors import AttemptError, InstanceIDError
from ..oidc.fetched import PENDING
from ..outages import as_unavailable
from ..pages.failures import sign_in_failed_page
from ..pages.render import page, private
from ..pages.targets import default_target, signin_address
from ..signin import answers, attempts, loops
from ..signin.answers import Answer
from ..signin.attempts import Attempt, Plan
from ..signin.completion import redeem, sign_visitor_in
from ..signin.frames import hand_over, popup_address_of
from ..signin.language import choose_language
from ..signin.start import RESTARTS, start
from ..tokens.entry import read_entry
from .framed import for_popup, popup_done
from .posted import posted_pairs
from .queries import take_query
from .reporting import report, sensitive_request

logger = logging.getLogger("erpnet_instanceid")

REFERENCE = "reference"
REMAINDER = "remainder"
# An answer with an ID token of 2.2 kB, and what goes beside it, in a response below 3 kB.
MAX_CARRIED_CHARACTERS = 2800
# The attempt is gone, and a new one may bring the visitor to the page that they wanted.
STARTS_AGAIN = frozenset({"no_cookie", "another_host"})


class SignInCallbackView(CallbackView):
    """Takes the answer of the instance. ``success_url`` may be overridden as in
    mozilla-django-oidc."""

    http_method_names = ["get", "post"]
    attempt: Attempt | None = None

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        # As `method_decorator` would, which decorates anew for each request.
        view = sensitive_request(super().as_view(**initkwargs))
        # Also where a site's own URLs lead to a class of its own: see urls.py.
        view = transaction.non_atomic_requests(view)
        # The instance cannot know a CSRF token; what it may do here is guarded by the attempt.
        return csrf_exempt(view)

    @property
    def success_url(self) -> str:
        return (self.attempt.target if self.attempt else "") or default_target()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Only keeps the answer: browsers send no cookies with a POST from another site."""
        try:
            return _carry_over(request, Answer(posted_pairs(request)))
        except AttemptError as error:
            return sign_in_failed_page(request, error)

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if REFERENCE in request.GET:
            reference = request.GET[REFERENCE]
            # The visitor sends it, and a page and a log line show it.
            reference = reference if attempts.is_reference(reference) else ""
            return self._answer(request, reference, answers.carried(request, reference))
        return self._get_with_answer(request)

    def _get_with_answer(self, request: HttpRequest) -> HttpResponseBase:
        """The answer is in the query, by the code flow."""
        answer = Answer(take_query(request), in_query=True)
        reference = attempts.reference(answer.state) if answer.state else ""
        if not _is_session_strict() or not reference:
            return self._answer(request, reference, answer)
        try:
            return _carry_over(request, answer)
        except AttemptError as error:
            return sign_in_failed_page(request, error)

    def _answer(
        self, request: HttpRequest, reference: str, answer: Answer | None
    ) -> HttpResponseBase:
        """Completes the sign-in or says why not. Either way the attempt is spent, unless the
        database refuses."""
        try:
            response = self._complete(request, reference, answer)
        except InstanceIDError as error:
            response = self._failed(request, reference, answer, error)
        except DatabaseFailure as failure:
            # A reload brings the same answer. If its code is spent by then, the row of the attempt
            # says so, and a new sign-in starts by itself.
            again = request.get_full_path() if request.GET else ""
            response = self._failed(request, reference, answer, as_unavailable(failure), again)
            report(request, response, failure)
            return private(response)
        attempts.forget(request, response, reference)
        if answer is not None:
            answers.forget(request, response)
        return private(response)

    def _complete(
        self, request: HttpRequest, reference: str, answer: Answer | None
    ) -> HttpResponse:
        if answer is None:
            return _without_answer(request, reference)
        try:
            self.attempt = attempt = attempts.find(request, answer.state)
        except AttemptError:
            if request.user.is_authenticated:
                return _on_to_their_page(request)
            raise
        if attempt.is_over():
            raise AttemptError("attempt_expired")
        try:
            claims, tokens, sign_in = redeem(attempt, answer)
        except IntegrityError:
            error = AttemptError("already_claimed")
            return _start_again(request, reference, attempt.plan, error)
        if attempt.plan.frame:
            return popup_done(request, hand_over(attempt, claims, tokens, sign_in))
        self.user = sign_visitor_in(request, reference, claims, tokens, sign_in, self.success_url)
        response = HttpResponseRedirect(self.success_url)
        loops.note(request, response, attempt.plan.in_a_row + 1)
        choose_language(request, response, tokens, claims["sub"])
        return response

    def _failed(
        self,
        request: HttpRequest,
        reference: str,
        answer: Answer | None,
        error: InstanceIDError,
        again: str = "",
    ) -> HttpResponse:
        plan = (attempts.read_plan(answer.state) if answer else None) or Plan()
        response = sign_in_failed_page(
            request,
            error,
            reference=reference,
            target=self.attempt.target if self.attempt else plan.target,
            start_at=again or (popup_address_of(plan.frame) if plan.frame else ""),
            refresh=_next_start(plan, error),
        )
        return for_popup(response) if plan.frame else response


def _next_start(plan: Plan, error: InstanceIDError) -> str:
    """Where the sign-in starts again by itself; empty where it does not."""
    # A popup has its frame to start again from.
    is_passing = error.facts.get("reason") in STARTS_AGAIN or error.code == PENDING
    if plan.frame or not is_passing or plan.restarts >= attempts.MAX_RESTARTS:
        return ""
    return signin_address(plan.target, **{RESTARTS: str(plan.restarts + 1)})


def _on_to_their_page(request: HttpRequest) -> HttpResponse:
    """For the back button, a reload or a double click after the sign-in is complete."""
    entry = read_entry(request.session)
    return HttpResponseRedirect((entry and entry.target) or default_target())


def _carry_over(request: HttpRequest, answer: Answer) -> HttpResponse:
    plan = attempts.read_plan(answer.state)
    # A reference is hexadecimal and a remainder base64url: neither needs to be quoted.
    address = f"{request.path}?{REFERENCE}={attempts.reference(answer.state)}"
    # Where the answer is lost on the way, a new sign-in still leads to the page that was wanted.
    remainder = attempts.seal_remainder(plan) if plan is not None else ""
    if plan is not None and answer.size + len(remainder) > MAX_CARRIED_CHARACTERS:
        remainder = attempts.seal_remainder(replace(plan, target=""))
    if remainder:
        address += f"&{REMAINDER}={remainder}"
    if _is_session_strict():
        # A redirect is still the other site's navigation, and brings no Strict cookie.
        response = page(request, "signing_in.html", {"address": address})
    else:
        response = private(HttpResponseRedirect(address))
        response.status_code = 303
    answers.carry(request, response, answer)
    return for_popup(response) if plan is not None and plan.frame else response


def _is_session_strict() -> bool:
    # Django and browsers take the word in any case.
    return str(settings.SESSION_COOKIE_SAMESITE).lower() == "strict"


def _without_answer(request: HttpRequest, reference: str) -> HttpResponse:
    plan = attempts.find_remainder(request, reference, request.GET.get(REMAINDER, ""))
    if plan is not None:
        # Another tab's answer has replaced the cookie of this one, or the browser refused it.
        return _start_again(request, reference, plan, AttemptError("answer_lost"))
    if request.user.is_authenticated:
        return _on_to_their_page(request)
    raise AttemptError("unknown_attempt", reason="not_ours")


def _start_again(
    request: HttpRequest, reference: str, plan: Plan, error: AttemptError
) -> HttpResponse:
    if plan.restarts >= attempts.MAX_RESTARTS:
        raise error
    logger.info("sign_in_restarted reference=%s error=%s", reference, error)
    response = start(
        request,
        plan.target,
        max_age=plan.max_age,
        restarts=plan.restarts + 1,
        frame=plan.frame,
    )
    return for_popup(response) if plan.frame else response
