"""The instance's answer: carried over to a GET, checked, and turned into a sign-in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    QueryDict,
)
from django.views.decorators.csrf import csrf_exempt

from ..conf import conf
from ..mozilla import CallbackView
from ..oidc.errors import AttemptError, InstanceIDError
from ..pages.failures import sign_in_failed_page
from ..pages.render import page, private
from ..pages.targets import default_target
from ..signin import attempts
from ..signin import loops as arrivals
from ..signin.attempts import Attempt, CarriedAnswer
from ..signin.completion import redeem, sign_visitor_in
from ..signin.start import start
from ..tokens.entry import read_entry
from .posted import pairs_of, posted_pairs
from .reporting import sensitive_request

logger = logging.getLogger("erpnet_instanceid")

CARRIED = "answer"


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
        return (self.attempt.next_url if self.attempt else "") or default_target()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Decides nothing: the visitor's cookies do not come with a POST of another site."""
        try:
            pairs = posted_pairs(request)
            return _carry_over(request, CarriedAnswer(pairs, in_query=False))
        except AttemptError as error:
            return sign_in_failed_page(request, error)

    def get(self, request: HttpRequest) -> HttpResponseBase:
        reference, carried = request.GET.get(CARRIED), attempts.carried_answer(request)
        if reference is None:
            answer: CarriedAnswer | None = CarriedAnswer(_take_query(request), in_query=True)
            reference = attempts.reference(answer.state) if answer and answer.state else ""
            if settings.SESSION_COOKIE_SAMESITE == "Strict" and answer and answer.state:
                return self._carried_from_query(request, answer)
        else:
            # It is shown, and logged.
            reference = reference if attempts.is_reference(reference) else ""
            answer = carried
        self.attempt = attempt = attempts.find(request, reference)
        try:
            response = self._complete(request, attempt, answer)
        except InstanceIDError as error:
            target = attempt.next_url if attempt else ""
            response = sign_in_failed_page(request, error, reference=reference, target=target)
        attempts.forget(request, response, reference, carried)
        return private(response)

    def _carried_from_query(self, request: HttpRequest, answer: CarriedAnswer) -> HttpResponseBase:
        try:
            return _carry_over(request, answer)
        except AttemptError as error:
            return sign_in_failed_page(request, error)

    def _complete(
        self, request: HttpRequest, attempt: Attempt | None, carried: CarriedAnswer | None
    ) -> HttpResponse:
        if attempt is None:
            return self._without_attempt(request)
        if attempt.is_over(conf.sign_in_lifetime):
            raise AttemptError("attempt_expired")
        if carried is None or attempts.reference(carried.state) != attempt.ref:
            # Another tab's answer took the place of this one's.
            return _again(request, attempt, AttemptError("answer_lost"))
        try:
            claims, tokens, sign_in = redeem(attempt, carried)
        except IntegrityError:
            return _again(request, attempt, AttemptError("already_claimed"))
        self.user = sign_visitor_in(request, attempt, claims, tokens, sign_in, self.success_url)
        response = HttpResponseRedirect(self.success_url)
        arrivals.note(request, response, attempt.in_a_row + 1)
        return response

    def _without_attempt(self, request: HttpRequest) -> HttpResponse:
        # The back button, a reload or a double click, after the sign-in went through.
        if request.user.is_authenticated:
            entry = read_entry(request.session)
            return HttpResponseRedirect((entry and entry.target) or default_target())
        raise AttemptError("unknown_attempt")


def _take_query(request: HttpRequest) -> list[tuple[str, str]]:
    # Whatever shows or logs the request from here on shows its address, without a code then.
    pairs = pairs_of(request.GET)
    request.GET = QueryDict()
    for name, value in request.META.items():
        # Servers and proxies put the address there again, whole: RAW_URI, REQUEST_URI,
        # HTTP_X_ORIGINAL_URL.
        if isinstance(value, str) and name.endswith(("URI", "URL")):
            request.META[name] = value.partition("?")[0]
        elif name.endswith("QUERY_STRING"):
            request.META[name] = ""
    return pairs


def _carry_over(request: HttpRequest, answer: CarriedAnswer) -> HttpResponse:
    query = urlencode({CARRIED: attempts.reference(answer.state)})
    address = f"{request.path}?{query}"
    if settings.SESSION_COOKIE_SAMESITE == "Strict":
        # A redirect is still the other site's navigation, and brings no Strict cookie.
        response = page(request, "signing_in.html", {"address": address})
    else:
        response = private(HttpResponseRedirect(address))
        response.status_code = 303
    attempts.carry_answer(request, response, answer)
    return response


def _again(request: HttpRequest, attempt: Attempt, error: AttemptError) -> HttpResponse:
    if attempt.restarts >= attempts.MAX_RESTARTS:
        raise error
    logger.info("sign_in_restarted reference=%s error=%s", attempt.ref, error)
    return start(request, attempt.next_url, max_age=attempt.max_age, restarts=attempt.restarts + 1)
