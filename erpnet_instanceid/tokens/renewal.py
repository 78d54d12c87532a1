"""Takes the three steps of a renewal, and bounds how long a request waits for newer tokens.

A request that cannot go on without new tokens waits for them. One whose tokens are still good waits
for a second: the exchange then goes on in a thread, which stores the answer.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import threading
import time
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from uuid import UUID

from django.db import Error as DatabaseFailure

from ..oidc.errors import InstanceIDError, InstanceUnavailable
from ..once import once
from ..outages import as_unavailable
from . import lease
from .connections import beside_transaction, give_back, inside_transaction
from .following import asks_the_instance, claims_of, follow, follow_in_background
from .refresh import (
    Answer,
    Leased,
    Pending,
    Renewed,
    Wanted,
    exchange,
    lease_seconds,
    look,
    newest,
)
from .settling import settle_within

logger = logging.getLogger("erpnet_instanceid")

# How long a request waits for a renewal while its own tokens are still good, and how many such
# renewals run in one process.
PATIENCE_SECONDS = 1.0
MOST_IN_PASSING = 4
# How often a waiting request looks at the row.
FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.25


def renew(
    sign_in_id: str | UUID, seen: int, *, wait: bool, was_refused: bool = False
) -> Renewed | None:
    """Tokens newer than generation ``seen``: the row's, or new ones from the instance.

    None if there are no newer ones, and the caller can go on with its own. See `Wanted`.

    Inside a caller's transaction it works on a connection of its own, so that neither the
    transaction's rollback nor its commit matters.

    Raises SignInExpired where the sign-in is over, InstanceUnavailable where no new token can be
    had now; the refresh token is then kept for later.
    """
    wanted = Wanted(sign_in_id, seen, wait, was_refused)
    if not inside_transaction():
        return _renew(wanted)
    renewed = beside_transaction(_renew, dataclasses.replace(wanted, follows=False))
    if renewed is not None and renewed.by_this_call:
        # The caller may have locked the user's row.
        follow_in_background(sign_in_id, renewed.tokens)
    return renewed


def _renew(wanted: Wanted) -> Renewed | None:
    patience = Patience()
    while isinstance(found := look(wanted), Pending):
        give_back()
        time.sleep(patience.next_pause(wanted))
    if not isinstance(found, Leased):
        return found
    if wanted.wait:
        return _renew_now(found)
    return _renew_in_passing(found)


def _renew_now(leased: Leased) -> Renewed | None:
    give_back()
    try:
        answer = exchange(leased)
    except BaseException:
        # The server stops this process, or its worker.
        lease.release(leased.sign_in)
        raise
    return _followed(leased, settle(leased, answer))


def _followed(
    leased: Leased, renewed: Renewed | None, patience: float = math.inf
) -> Renewed | None:
    if renewed is not None and renewed.by_this_call and leased.wanted.follows:
        # The instance may be asked for its keys, or for what the person may do.
        give_back()
        seconds = min(patience, leased.seconds_to_follow())
        claims = claims_of(leased.sign_in, renewed.tokens, seconds)
        follow(leased.sign_in, claims)
    return renewed


class Patience:
    """How long a request waits for another one that renews the tokens."""

    def __init__(self) -> None:
        self._gives_up_at = time.monotonic() + lease_seconds() + 1
        self._pause = FIRST_PAUSE_SECONDS

    def next_pause(self, wanted: Wanted) -> float:
        """Seconds until the next look. Raises InstanceUnavailable once it has waited enough."""
        if time.monotonic() > self._gives_up_at:
            raise InstanceUnavailable("refresh_pending", sign_in=str(wanted.sign_in_id))
        pause, self._pause = self._pause, min(self._pause * 1.5, LONGEST_PAUSE_SECONDS)
        return pause


def settle(leased: Leased, answer: Answer) -> Renewed | None:
    """Last step: stores the newer tokens, or notes why there are none.

    Raises SignInExpired or InstanceUnavailable.
    """
    try:
        return settle_within(
            leased, answer, lease.STORE_DEADLINE_SECONDS if leased.wanted.wait else 0
        )
    except DatabaseFailure as error:
        if not leased.wanted.wait:
            # The caller does not need them; the tokens must not get lost all the same.
            _threads().submit(leased.caller.run, settle_late, leased, answer)
        raise as_unavailable(error, sign_in=str(leased.sign_in.pk)) from None


def _renew_in_passing(leased: Leased) -> Renewed | None:
    """Renews tokens that are still good. The caller waits for a second, and then goes on."""
    handed_over = exchange_in_passing(leased)
    if handed_over is None:
        lease.release(leased.sign_in)
        return None
    give_back()
    goes_on_at = time.monotonic() + PATIENCE_SECONDS
    try:
        answer = handed_over.result(timeout=PATIENCE_SECONDS)
    except FutureTimeoutError:
        if handed_over.cancel():
            return newest(leased.sign_in.pk)
        answer = handed_over.result()
    renewed = settle(leased, answer)
    if not asks_the_instance():
        return _followed(leased, renewed, max(0, goes_on_at - time.monotonic()))
    if renewed is not None and renewed.by_this_call:
        # The caller has waited enough.
        follow_in_background(leased.sign_in.pk, renewed.tokens)
    return renewed


def exchange_in_passing(leased: Leased) -> Future[Answer] | None:
    """A future for the instance's answer. None if too many threads wait for the instance already.

    A caller that does not want to wait any more cancels the future. See `exchange_and_hand_over`.
    """
    places = _places()
    if not places.acquire(blocking=False):
        return None
    handed_over: Future[Answer] = Future()
    try:
        _threads().submit(_exchange_in_place, leased, handed_over)
    except RuntimeError:
        # The process is ending, and starts no more work.
        places.release()
        return None
    return handed_over


def _exchange_in_place(leased: Leased, handed_over: Future[Answer]) -> None:
    try:
        exchange_and_hand_over(leased, handed_over)
    finally:
        _places().release()


def exchange_and_hand_over(leased: Leased, handed_over: Future[Answer]) -> None:
    """Spends the refresh token, in a thread. If nobody waits for the answer any more, stores it.

    So an exchange is not cut short: its answer would be lost.
    """
    answer = exchange(leased)
    try:
        handed_over.set_result(answer)
    except InvalidStateError:
        leased.caller.run(settle_late, leased, answer)


def settle_late(leased: Leased, answer: Answer) -> None:
    """As `settle`, for a request that has not waited. Also updates the rights. Never raises."""
    try:
        _followed(leased, settle_within(leased, answer, lease.STORE_DEADLINE_SECONDS))
    except InstanceIDError as error:
        logger.info("late_refresh error=%s sign_in=%s", error, leased.sign_in.pk)
    except Exception as error:  # noqa: BLE001 - nobody is there to see it
        name = type(error).__name__
        logger.error("late_refresh_failed error=%s sign_in=%s", name, leased.sign_in.pk)


@once(inherited=False)
def _places() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(MOST_IN_PASSING)


@once(inherited=False)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MOST_IN_PASSING, thread_name_prefix="erpnet-instanceid-refresh")
