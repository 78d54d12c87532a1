"""The one place that spends a refresh token.

The instance ends a refresh token when it is used, so of all requests of all processes exactly one
may use it: the one that holds the lease on the sign-in's row. It stores what the instance answered
before anything uses it; the others read the row.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from ..conf import SETTING, conf
from ..models import SignIn
from ..oidc.client import Client
from ..oidc.errors import (
    InstanceIDError,
    InstanceUnavailable,
    InvalidResponse,
    OAuthError,
    SignInExpired,
    TokenRejected,
)
from ..oidc.pool import deadline, seconds_left
from ..oidc.token_endpoint import REVOCATION_SECONDS, revoke, spend_refresh_token
from ..oidc.token_set import TokenSet
from ..once import once
from ..signals import tokens_refreshed
from . import lease
from .backoff import Backoff, pause_after
from .connections import beside_transaction, inside_transaction
from .endings import end
from .held import seal_tokens, unseal_tokens
from .pruning import prune_now_and_then
from .same_person import with_checked_id_token

logger = logging.getLogger("erpnet_instanceid")

MAX_LEASE_SECONDS = 40.0
# Of the lease, to store the answer in.
STORE_RESERVE_SECONDS = 2.0
# The generation that a sign-in brings.
OF_SIGN_IN = 1


@dataclass(frozen=True)
class Renewed:
    """A token set newer than the one that was seen, its generation, and whether this call or
    another request got it."""

    generation: int
    tokens: TokenSet
    by_this_call: bool = False


def renew(
    sign_in_id: str | UUID, seen: int, *, wait: bool, was_refused: bool = False
) -> Renewed | None:
    """A token set newer than generation ``seen``: another request's, or a new one.

    ``was_refused`` tells that the instance's API refuses the one that was seen. None where there
    is none and ``wait`` is false, or where the one that was seen is so new that another would fare
    no better.

    Works inside a caller's transaction, on a connection of its own, so that neither its rollback
    nor its commit matters.

    Raises SignInExpired where the sign-in is over, InstanceUnavailable where no new token can be
    had now; the refresh token is then kept for later.
    """
    if inside_transaction():
        return beside_transaction(_renew, sign_in_id, seen, wait=wait, was_refused=was_refused)
    return _renew(sign_in_id, seen, wait=wait, was_refused=was_refused)


def note_answer() -> None:
    """Ends the pause that failures made: the token endpoint has answered somebody else."""
    _backoff(conf.issuer).succeeded()


@sensitive_variables()
def _renew(sign_in_id: str | UUID, seen: int, *, wait: bool, was_refused: bool) -> Renewed | None:
    gives_up_at = time.monotonic() + _lease_seconds() + 1
    pause = 0.01
    while True:
        sign_in = lease.load(sign_in_id)
        _check_instance(sign_in)
        stored = _stored(sign_in)
        if stored.generation > seen:
            return stored
        if not lease.is_taken(sign_in):
            is_new = stored.tokens.is_just_issued(time.time())
            # An API that refuses whatever it is sent would cost a refresh token in each request.
            # What a sign-in has just brought is renewed all the same: that is once for each.
            if was_refused and is_new and stored.generation > OF_SIGN_IN:
                return None
            if _is_held_back(sign_in, stored.tokens, wait=wait):
                return None
            if lease.take(sign_in, _lease_seconds()):
                try:
                    return _spend(sign_in, stored.tokens)
                except SignInExpired:
                    # To sign in has just brought this token, and would bring another one like it.
                    if was_refused and is_new:
                        return None
                    raise
        if not wait:
            return None
        if time.monotonic() > gives_up_at:
            raise InstanceUnavailable("refresh_pending", sign_in=str(sign_in_id))
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)


def _check_instance(sign_in: SignIn) -> None:
    # A site that has moved to another instance does not show it the tokens of the one before.
    if sign_in.account is not None and sign_in.account.issuer != conf.issuer:
        end(sign_in, "other_instance")
        raise SignInExpired("other_instance", sign_in=str(sign_in.pk))


def _stored(sign_in: SignIn) -> Renewed:
    tokens = unseal_tokens(sign_in)
    if tokens is None:
        end(sign_in, "tokens_unreadable")
        raise SignInExpired("tokens_unreadable", sign_in=str(sign_in.pk))
    return Renewed(sign_in.generation, tokens)


def _lease_seconds() -> float:
    # As long as an exchange and its one repetition may take.
    return min(2 * conf.deadline + STORE_RESERVE_SECONDS, MAX_LEASE_SECONDS)


def _is_held_back(sign_in: SignIn, tokens: TokenSet, *, wait: bool) -> bool:
    """Whether the token is to be left alone. Raises where the caller has waited for a new one."""
    if tokens.refresh_token is None:
        if not wait or tokens.is_just_issued(time.time()):
            # What there is may be used to its end. Who has just come from the instance would be
            # sent there again, and come back with no more than this.
            return True
        _end_as_leased(sign_in, "no_refresh_token")
        raise SignInExpired("no_refresh_token", sign_in=str(sign_in.pk))
    is_own_pause = sign_in.retry_at is not None and sign_in.retry_at > timezone.now()
    if not is_own_pause and not _backoff(conf.issuer).is_pausing():
        return False
    if wait:
        raise InstanceUnavailable("backing_off", sign_in=str(sign_in.pk))
    return True


def _spend(sign_in: SignIn, tokens: TokenSet) -> Renewed:
    started = time.monotonic()
    client = conf.client
    instance = _backoff(client.issuer)
    if not instance.allows(_lease_seconds()):
        lease.release(sign_in)
        raise InstanceUnavailable("backing_off", sign_in=str(sign_in.pk))
    try:
        # Metadata and keys included, where they have to be fetched.
        with deadline(_lease_seconds() - STORE_RESERVE_SECONDS):
            newer = _ask(client, str(tokens.refresh_token))
            newer = with_checked_id_token(newer, tokens, client, sign_in)
    except OAuthError as error:
        instance.succeeded()
        if error.code == "invalid_grant":
            return _over(sign_in, "refresh_token_refused")
        logger.error("refresh_refused error=%s: check the Trusted Application", error)
        raise _postponed(sign_in, error) from None
    except TokenRejected as error:
        instance.succeeded()
        logger.error("refreshed_token_rejected error=%s sign_in=%s", error, sign_in.pk)
        return _over(sign_in, "refreshed_token_rejected")
    except (InstanceUnavailable, InvalidResponse) as error:
        instance.failed()
        logger.warning("refresh_postponed error=%s sign_in=%s", error, sign_in.pk)
        raise _postponed(sign_in, error) from None
    except BaseException:
        lease.release(sign_in)
        raise
    instance.succeeded()
    return _store(sign_in, tokens.renewed_by(newer), client, started)


def _ask(client: Client, refresh_token: str) -> TokenSet:
    try:
        return spend_refresh_token(client, refresh_token, now=time.time())
    except InstanceUnavailable as error:
        # Without the time for a whole exchange the next answer would be lost too: later, then.
        if not error.answer_lost or seconds_left() < 0.9 * conf.deadline:
            raise
        logger.warning("refresh_answer_lost error=%s", error)
    # The instance may have carried it out, or not have heard of it. Once more tells.
    return spend_refresh_token(client, refresh_token, now=time.time())


def _store(sign_in: SignIn, tokens: TokenSet, client: Client, started: float) -> Renewed:
    generation = lease.store(sign_in, seal_tokens(tokens))
    if generation is not None:
        milliseconds = round((time.monotonic() - started) * 1000)
        logger.info(
            "refreshed sign_in=%s generation=%d ms=%d", sign_in.pk, generation, milliseconds
        )
        tokens_refreshed.send(SignIn, sign_in=sign_in)
        prune_now_and_then()
        return Renewed(generation, tokens, by_this_call=True)
    # It ended while the instance was answering, and stays ended.
    if tokens.refresh_token is not None:
        with deadline(REVOCATION_SECONDS):
            revoke(client, tokens.refresh_token)
    return _of_another(sign_in)


def _over(sign_in: SignIn, reason: str) -> Renewed:
    if _end_as_leased(sign_in, reason):
        raise SignInExpired(reason, sign_in=str(sign_in.pk))
    return _of_another(sign_in)


def _end_as_leased(sign_in: SignIn, reason: str) -> bool:
    # Unless somebody renewed it meanwhile, or is at it, who has the lease after us.
    return end(sign_in, reason, generation=sign_in.generation, leased_until=sign_in.leased_until)


def _of_another(sign_in: SignIn) -> Renewed:
    """What somebody else has made of it. Raises where they are still at it."""
    newest = _stored(lease.load(sign_in.pk))
    if newest.generation > sign_in.generation:
        return newest
    raise InstanceUnavailable("refresh_pending", sign_in=str(sign_in.pk))


def _postponed(sign_in: SignIn, error: InstanceIDError) -> InstanceUnavailable:
    failures = min(sign_in.failures + 1, 100)
    retry_at = timezone.now() + timedelta(seconds=pause_after(failures))
    lease.release(sign_in, failures=failures, retry_at=retry_at)
    return InstanceUnavailable("refresh_postponed", cause=error.code, sign_in=str(sign_in.pk))


@once(inherited=False)
def _backoff(issuer: str) -> Backoff:
    return Backoff()


@receiver(setting_changed)
def _forget_backoff(*, setting: str, **_kwargs: Any) -> None:
    if setting == SETTING:
        _backoff.forget()
