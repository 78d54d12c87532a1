"""The last step of a renewal: what the token endpoint's answer means for the sign-in.

Newer tokens are stored. If the instance refuses the refresh token, the sign-in ends. After any
other error the refresh token is kept, and a pause begins.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from ..conf import conf
from ..models import SignIn, sealed_tokens
from ..oidc.errors import (
    InstanceIDError,
    InstanceUnavailable,
    OAuthError,
    SignInExpired,
    TokenRejected,
)
from ..oidc.pool import deadline
from ..oidc.token_endpoint import REVOCATION_SECONDS, revoke
from ..oidc.token_set import TokenSet
from ..signals import tokens_refreshed
from . import backoff, lease
from .connections import give_back
from .pruning import prune_now_and_then
from .refresh import Answer, Leased, Renewed, end_as_leased, newest

logger = logging.getLogger("erpnet_instanceid")


def settle_within(leased: Leased, answer: Answer, store_seconds: float) -> Renewed | None:
    """Stores the newer tokens, or notes why there are none.

    Offers them to the database for ``store_seconds``. Raises SignInExpired or InstanceUnavailable,
    and DatabaseError where the tokens could not be stored.
    """
    sign_in = leased.sign_in
    if isinstance(answer, TokenSet):
        return _store(leased, leased.tokens.renewed_by(answer), store_seconds)
    if not isinstance(answer, InstanceIDError):
        lease.release(sign_in)
        raise answer
    if answer.code == "backing_off":
        lease.release(sign_in)
        raise InstanceUnavailable("backing_off", sign_in=str(sign_in.pk))
    if isinstance(answer, TokenRejected):
        logger.error("refreshed_token_rejected error=%s sign_in=%s", answer, sign_in.pk)
        return _over(leased, "refreshed_token_rejected")
    if isinstance(answer, OAuthError):
        if answer.code == "invalid_grant":
            return _over(leased, "refresh_token_refused")
        logger.error("refresh_refused error=%s: check the Trusted Application", answer)
    else:
        logger.warning("refresh_postponed error=%s sign_in=%s", answer, sign_in.pk)
    raise _postponed(leased, answer)


def _store(leased: Leased, tokens: TokenSet, seconds: float) -> Renewed:
    sign_in = leased.sign_in
    generation = lease.store(sign_in, sealed_tokens(tokens), seconds)
    if generation is not None:
        milliseconds = round(leased.age() * 1000)
        logger.info(
            "refreshed sign_in=%s generation=%d ms=%d", sign_in.pk, generation, milliseconds
        )
        tokens_refreshed.send(SignIn, sign_in=sign_in)
        prune_now_and_then()
        return Renewed(generation, tokens, by_this_call=True)
    # The sign-in ended while the instance was answering, and stays ended.
    if tokens.refresh_token is not None:
        give_back()
        with deadline(REVOCATION_SECONDS):
            revoke(conf.client, tokens.refresh_token)
    return newest(sign_in.pk)


def _over(leased: Leased, reason: str) -> Renewed | None:
    sign_in, wanted = leased.sign_in, leased.wanted
    if not end_as_leased(sign_in, reason):
        return newest(sign_in.pk)
    if wanted.was_refused and leased.tokens.is_just_issued(time.time()):
        # The visitor has just signed in. Another sign-in would bring tokens like these.
        return None
    raise SignInExpired(reason, sign_in=str(sign_in.pk))


def _postponed(leased: Leased, error: InstanceIDError) -> InstanceUnavailable:
    sign_in = leased.sign_in
    failures = min(sign_in.failures + 1, 100)
    # The pause begins now, and the instance may have taken long to fail.
    seconds = leased.age() + backoff.pause_after(failures)
    retry_at = sign_in.read_at + timedelta(seconds=seconds)
    lease.release(sign_in, failures=failures, retry_at=retry_at)
    return InstanceUnavailable("refresh_postponed", cause=error.code, sign_in=str(sign_in.pk))
