"""Transactions at the instance: it stores all the changes of one, or none.

ErpNetDocs, domain-api/data-manipulation/transactions.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from ..oidc.errors import InstanceIDError, InvalidResponse
from .governor import gate_of
from .session import InstanceSession, open_session
from .sources import OneToken

logger = logging.getLogger("erpnet_instanceid")

BEGIN, END = "BeginTransaction", "EndTransaction"
HEADER = "TransactionId"
# The id becomes a header, so it must not hold anything else.
TRANSACTION_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


@contextmanager
def transaction(
    session: InstanceSession, model: str = "common", *, track_changes: bool = False
) -> Iterator[InstanceSession]:
    """Begins a transaction; commits it at the end of the block, or rolls it back on an exception.

    ``model`` is "common" or "frontend"; the rules of the user interface run only in a frontend one.
    Only the calls of the yielded session belong to the transaction. Raises APIError if the instance
    refuses the commit; then nothing is stored. Another transaction of the same token in this
    process waits for the end of the block. With ``track_changes`` the instance answers to
    ``changes.get("GetChanges")``.
    """
    # One token to the end: with its next one a service has another session at the instance, which
    # does not know the transaction.
    tokens = OneToken(session.tokens.current())
    gate = gate_of(tokens.current(), session.call_limits)
    with gate.transaction(session.limits.deadline):
        changes = open_session(tokens)
        changes.language = session.language
        wanted = {"model": model, "trackChanges": track_changes}
        changes.headers[HEADER] = _id(changes.post(BEGIN, json=wanted).text)
        try:
            yield changes
            changes.post(END, json={"commit": True})
        except BaseException:
            _roll_back(changes)
            raise


def _id(text: str) -> str:
    found = text.strip().strip('"')
    if not TRANSACTION_ID.fullmatch(found):
        raise InvalidResponse("no_transaction_id")
    return found


def _roll_back(changes: InstanceSession) -> None:
    try:
        changes.post(END, json={"commit": False})
    except InstanceIDError as error:
        # The caller gets the error that led here. The instance ends the transaction by itself.
        logger.warning("transaction_not_rolled_back error=%s", error)
