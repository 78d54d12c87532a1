"""Starts a sign-in: sends the visitor to the instance, the attempt in a cookie."""

from __future__ import annotations

import time

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from ..conf import conf
from ..oidc.authorization import authorization_url, new_secrets
from ..oidc.errors import InstanceIDError, SignInDenied
from ..pages.failures import sign_in_failed_page
from ..pages.render import private
from ..pages.targets import callback_address
from . import attempts
from . import loops as arrivals
from .attempts import Attempt

_SENT_BACK_CURE = "raise_exception=True for permission_required; a session cookie that comes back"


def start(
    request: HttpRequest,
    target: str,
    *,
    prompt: str | None = None,
    max_age: int | None = None,
    login_hint: str | None = None,
    restarts: int = 0,
) -> HttpResponse:
    """A redirect to the instance, the attempt in a cookie beside those of other tabs."""
    # Where the instance asks the visitor who they are, no circle goes on by itself.
    in_a_row = arrivals.in_a_row(request) if prompt in (None, "none") else 0
    if in_a_row >= arrivals.MAX_IN_A_ROW:
        error = SignInDenied("sent_back", sign_ins=in_a_row, cure=_SENT_BACK_CURE)
        told = sign_in_failed_page(request, error, target=target)
        arrivals.forget(request, told)
        return told
    client = conf.client
    try:
        metadata = client.provider.metadata()
    except InstanceIDError as error:
        return sign_in_failed_page(request, error, target=target)
    attempt = Attempt(
        secrets=new_secrets(),
        redirect_uri=callback_address(request),
        next_url=target,
        started=int(time.time()),
        max_age=max_age,
        restarts=restarts,
        in_a_row=in_a_row,
    )
    response = HttpResponseRedirect(
        authorization_url(
            metadata.authorization_endpoint,
            client_id=client.client_id,
            redirect_uri=attempt.redirect_uri,
            scope=conf.scope,
            response_type=conf.response_type,
            response_mode=conf.response_mode,
            secrets=attempt.secrets,
            prompt=prompt,
            max_age=max_age,
            login_hint=login_hint,
        )
    )
    attempts.remember(request, response, attempt)
    return private(response)
