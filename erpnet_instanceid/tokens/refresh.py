"""The one place that spends a refresh token.

The instance ends a refresh token when it is used. So of all requests in all processes exactly one
may use it: the one that holds the lease on the sign-in's row. It stores the instance's answer
before anything uses it; the others read the row.

The three steps of a renewal: `look` reads the row and takes the lease, `exchange` asks the
instance and needs no database, `settle_within` in settling.py writes the row. So no database
connection is held while the instance is slow, and the caller's own thread reads and writes the row.
The module renewal.py takes the steps, and says how long a request waits.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from ..conf import conf
from ..models import SignIn
from ..oidc.client import Client
from ..oidc.errors import (
    InstanceIDError,
    InstanceUnavailable,
    InvalidResponse,
    SignInExpired,
)
from ..oidc.pool import deadline, seconds_left
from ..oidc.token_endpoint import Refreshed, spend_refresh_token
from ..oidc.token_set import TokenSet
from ..oidc.tracebacks import hides_frames
from . import backoff, lease
from .connections import Caller
from .endings import end
from .same_person import with_checked_id_token

logger = logging.getLogger("erpnet_instanceid")

# The part of the lease that is left for storing the answer.
STORE_RESERVE_SECONDS = 2.0
# The generation of the tokens that a sign-in brings.
FIRST_GENERATION = 1
# How long requests that waited for tokens may use them, even if these expire at once.
WAITING_REQUESTS_SECONDS = 2.0


@dataclass(frozen=True)
class Wanted:
    """A caller's request: tokens newer than generation ``seen``.

    ``wait``: the caller cannot go on without newer tokens. ``was_refused``: the instance's API has
    refused the tokens of that generation, although they have not expired. ``follows``: whether the
    user's rights are updated at once; for a caller inside a transaction, a thread updates them.
    """

    sign_in_id: str | UUID
    seen: int
    wait: bool
    was_refused: bool = False
    follows: bool = True


@dataclass(frozen=True)
class Renewed:
    """A token set and its generation. ``by_this_call``: this call has fetched it.

    It is no newer than the caller's own if the caller has waited in vain.
    """

    generation: int
    tokens: TokenSet
    by_this_call: bool = False


@dataclass(frozen=True)
class Leased:
    """The caller holds the lease on this row, and has to spend ``tokens.refresh_token``.

    ``started`` is a monotonic time from before the row was read, when the lease begins. ``caller``
    is for work that outlives the request.
    """

    sign_in: SignIn
    tokens: TokenSet
    wanted: Wanted
    started: float
    caller: Caller = field(default_factory=Caller, repr=False)

    def age(self) -> float:
        """Seconds since the lease began."""
        return time.monotonic() - self.started

    def seconds_to_follow(self) -> float:
        """How long the caller may wait for the instance to say what the person may do now."""
        return min(conf.deadline, lease_seconds() - STORE_RESERVE_SECONDS - self.age())


@dataclass(frozen=True)
class Pending:
    """Another request is renewing the tokens."""


# The instance's answer to a refresh token: newer tokens, or an error.
Answer: TypeAlias = TokenSet | Exception


def lease_seconds() -> float:
    """Seconds that an exchange and its one repetition may take."""
    return min(2 * conf.deadline + STORE_RESERVE_SECONDS, lease.MAX_LEASE_SECONDS)


def look(wanted: Wanted) -> Renewed | Leased | Pending | None:
    """First step: reads the row, and takes the lease if the refresh token has to be spent."""
    started = time.monotonic()
    sign_in = lease.load(wanted.sign_in_id)
    _check_instance(sign_in)
    stored = _stored(sign_in)
    if stored.generation > wanted.seen and _is_of_use(stored.tokens):
        return stored
    if not lease.is_taken(sign_in):
        if not _is_worth_renewing(sign_in, stored, wanted):
            return None
        if lease.take(sign_in, lease_seconds()):
            return Leased(sign_in, stored.tokens, wanted, started)
    return Pending() if wanted.wait else None


def _is_of_use(tokens: TokenSet) -> bool:
    # Tokens that expire at once must still serve the requests that have waited for them.
    now, issued_at = time.time(), tokens.expires_at - tokens.lifetime
    return not tokens.has_expired(now) or abs(now - issued_at) < WAITING_REQUESTS_SECONDS


def _check_instance(sign_in: SignIn) -> None:
    # A site that has moved to another instance must not send it the tokens of the former one.
    if sign_in.account is not None and sign_in.account.issuer != conf.issuer:
        _end_or_later(sign_in, "other_instance")
        raise SignInExpired("other_instance", sign_in=str(sign_in.pk))


def _stored(sign_in: SignIn) -> Renewed:
    tokens = sign_in.token_set()
    if tokens is None:
        _end_or_later(sign_in, "tokens_unreadable")
        raise SignInExpired("tokens_unreadable", sign_in=str(sign_in.pk))
    return Renewed(sign_in.generation, tokens)


def _is_worth_renewing(sign_in: SignIn, stored: Renewed, wanted: Wanted) -> bool:
    """Whether to spend the refresh token now.

    If not, raises an error for a caller that cannot go on without newer tokens.
    """
    is_new = stored.tokens.is_just_issued(time.time())
    if wanted.was_refused and is_new and stored.generation > FIRST_GENERATION:
        # If the API refuses every token, renewing each time would spend a refresh token per
        # request. A token issued moments ago by a refresh is therefore not renewed.
        return False
    if stored.tokens.refresh_token is None:
        if not wanted.wait or is_new:
            # Use the current token until it expires. A visitor who has just signed in would only
            # come back with the same.
            return False
        end_as_leased(sign_in, "no_refresh_token")
        raise SignInExpired("no_refresh_token", sign_in=str(sign_in.pk))
    if lease.is_paused(sign_in) or backoff.of_issuer(conf.issuer).is_pausing():
        if wanted.wait:
            raise InstanceUnavailable("backing_off", sign_in=str(sign_in.pk))
        return False
    return True


def exchange(leased: Leased) -> Answer:
    """Second step: spends the refresh token. Uses no database. Never raises."""
    try:
        return _exchange(leased)
    except Exception as error:  # noqa: BLE001 - `settle` gives the lease back, and raises it
        return error


@hides_frames
def _exchange(leased: Leased) -> Answer:
    client = conf.client
    instance = backoff.of_issuer(client.issuer)
    caller = str(leased.sign_in.pk)
    seconds = lease_seconds() - STORE_RESERVE_SECONDS
    if leased.age() > seconds / 2:
        # The exchange has waited too long for a thread. After the lease has ended, another request
        # may send the same refresh token.
        return InstanceUnavailable("backing_off", sign_in=caller)
    if not instance.allows(caller, lease_seconds()):
        return InstanceUnavailable("backing_off", sign_in=caller)
    try:
        # The deadline includes metadata and keys, where they have to be fetched.
        with deadline(min(seconds, seconds + STORE_RESERVE_SECONDS / 2 - leased.age())):
            refreshed = _spend(client, leased.tokens)
            newer = with_checked_id_token(refreshed, leased.tokens, client, leased.sign_in)
    except (InstanceUnavailable, InvalidResponse) as error:
        instance.failed(caller)
        return error.again()
    except InstanceIDError as error:
        instance.succeeded()
        return error.again()
    instance.succeeded()
    return newer


def _spend(client: Client, tokens: TokenSet) -> Refreshed:
    try:
        return spend_refresh_token(client, str(tokens.refresh_token), now=time.time())
    except InstanceUnavailable as error:
        # Without the time for a whole exchange the next answer would be lost as well.
        if not error.answer_lost or seconds_left() < 0.9 * conf.deadline:
            raise
        logger.warning("refresh_answer_lost error=%s", error)
    # The instance may have spent the token, or may never have got the request. A second request
    # tells which.
    return spend_refresh_token(client, str(tokens.refresh_token), now=time.time())


def newest(sign_in_id: str | UUID) -> Renewed:
    """The tokens of the row as it is now, for a request that has got no newer ones itself.

    Another request may still be renewing them. Raises SignInExpired where the sign-in has ended.
    """
    return _stored(lease.load(sign_in_id))


def end_as_leased(sign_in: SignIn, reason: str) -> bool:
    """Ends the sign-in, unless somebody has renewed it or taken over the lease in the meantime."""
    return _end_or_later(
        sign_in, reason, generation=sign_in.generation, leased_until=sign_in.leased_until
    )


def _end_or_later(sign_in: SignIn, reason: str, **only_where: object) -> bool:
    with lease.refusal_means_later(sign_in.pk):
        return end(sign_in, reason, **only_where)
