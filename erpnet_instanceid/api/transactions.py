"""Transactions at the instance: it stores all the changes of one, or none.

ErpNetDocs, domain-api/data-manipulation/transactions.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager

from django.utils.translation import get_language, override

from ..oidc.errors import InstanceIDError, InstanceUnavailable, InvalidResponse
from ..oidc.pool import done_within, started
from ..tokens.connections import Caller
from .authorized import caller_here, in_thread
from .governor import gate_of
from .session import InstanceSession, open_session
from .sources import OneToken

logger = logging.getLogger("erpnet_instanceid")

BEGIN, END = "BeginTransaction", "EndTransaction"
HEADER = "TransactionId"
# The id becomes a header, so it must not hold anything else.
TRANSACTION_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
# Only the answer to BeginTransaction tells which transaction to end, so a slow instance is heard
# for so long, also after the caller has given up.
LATE_SECONDS = 120.0
# Seconds before each further attempt to roll back, at an instance that does not answer.
PAUSES = (10.0, 60.0, 300.0)


@contextmanager
def transaction(
    session: InstanceSession, model: str = "common", *, track_changes: bool = False
) -> Iterator[InstanceSession]:
    """Begins a transaction; commits it at the end of the block, or rolls it back on an exception.

    ``model`` is "common" or "frontend"; the rules of the user interface run only in a frontend one.
    Only the calls of the yielded session belong to the transaction. Raises APIError if the instance
    refuses the commit; then nothing is stored. Raises InstanceUnavailable with ``transaction_open``
    if another transaction of the same token does not end in time. With ``track_changes`` the
    instance answers to ``changes.get("GetChanges")``.
    """
    # One token to the end: with its next one a service has another session at the instance, which
    # does not know the transaction.
    tokens = OneToken(session.tokens.current())
    changes = open_session(tokens)
    changes.headers.update(session.headers)
    changes.language = session.language or get_language()
    gate = gate_of(tokens.current(), session.call_limits)
    with gate.transaction(session.limits.deadline):
        try:
            _begin(changes, {"model": model, "trackChanges": track_changes})
            yield changes
            changes.post(END, json={"commit": True})
        except BaseException:
            _roll_back(changes)
            raise


@asynccontextmanager
async def atransaction(
    session: InstanceSession, model: str = "common", *, track_changes: bool = False
) -> AsyncIterator[InstanceSession]:
    """Like `transaction`, on an event loop: ``await changes.arequest("PATCH", …)``."""
    opened, caller = transaction(session, model, track_changes=track_changes), await caller_here()
    changes = await _entered(opened, caller)
    try:
        yield changes
    except BaseException as error:
        await in_thread(caller, opened.__exit__, type(error), error, error.__traceback__)
        raise
    await in_thread(caller, opened.__exit__, None, None, None)


async def _entered(
    opened: AbstractContextManager[InstanceSession], caller: Caller
) -> InstanceSession:
    """Enters ``opened`` in a thread. If the task is cancelled meanwhile, it is left again."""
    given_up, language = asyncio.CancelledError(), get_language()

    def enter() -> InstanceSession:
        # A thread does not know the language that is active in the task.
        with override(language):
            return opened.__enter__()

    leave = functools.partial(opened.__exit__, type(given_up), given_up, None)
    entering = started(functools.partial(caller.run, enter), leave)
    try:
        return await asyncio.wrap_future(entering)
    except asyncio.CancelledError:
        if not entering.cancel():
            started(leave, leave)
        raise


def _begin(changes: InstanceSession, wanted: Mapping[str, object]) -> None:
    beginning = open_session(changes.tokens)
    beginning.headers, beginning.language = changes.headers, changes.language
    beginning.answer_within = LATE_SECONDS

    def begin() -> None:
        changes.headers[HEADER] = _id(beginning.post(BEGIN, json=wanted).text)

    # As long as any other call: it may wait before it is sent, and then for its answer.
    patience = 2 * changes.limits.deadline
    try:
        if not done_within(patience, begin, lambda: _roll_back(changes)):
            raise InstanceUnavailable("timeout", url=changes.address(BEGIN), answer_lost=True)
    except InstanceUnavailable as error:
        if error.code == "too_many_requests":
            raise InstanceUnavailable("transaction_open", **error.facts) from None
        raise


def _id(text: str) -> str:
    found = text.strip().strip('"')
    if not TRANSACTION_ID.fullmatch(found):
        raise InvalidResponse("no_transaction_id")
    return found


def _roll_back(changes: InstanceSession) -> None:
    if HEADER in changes.headers and not _rolls_back(changes):
        # The caller gets the error that led here. Until the instance ends the transaction by
        # itself, the token can begin no other.
        name = "erpnet-instanceid-roll-back"
        threading.Thread(target=_keep_rolling_back, args=(changes,), name=name, daemon=True).start()


def _keep_rolling_back(changes: InstanceSession) -> None:
    for pause in PAUSES:
        time.sleep(pause)
        if _rolls_back(changes):
            return


def _rolls_back(changes: InstanceSession) -> bool:
    """Whether the instance has answered, so that another attempt would change nothing."""
    try:
        changes.post(END, json={"commit": False})
    except InstanceIDError as error:
        logger.warning("transaction_not_rolled_back error=%s", error)
        return not isinstance(error, InstanceUnavailable)
    return True
