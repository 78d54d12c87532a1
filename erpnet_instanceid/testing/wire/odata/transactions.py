"""BeginTransaction, EndTransaction and GetChanges.

ErpNetDocs, domain-api/data-manipulation/transactions.
"""

from __future__ import annotations

from ...world.api_sessions import ApiSession
from ...world.refusals import ApiRefusalError
from ...world.state import World
from ...world.transactions import Transaction
from ...world.usage import open_transactions
from .calls import NO_CONTENT, ApiAnswer, ApiCall, plain_text


def open_transaction(world: World, session: ApiSession, id_: str | None) -> Transaction | None:
    """The transaction of the header TransactionId. Raises a refusal if there is none such."""
    if not id_:
        return None
    transaction = open_transactions(world, session).get(id_)
    if transaction is None:
        raise ApiRefusalError(f"Invalid TransactionId {id_}.")
    return transaction


def begin(world: World, call: ApiCall) -> ApiAnswer:
    """A transaction's id as plain text. Raises TooManyRequestsError past the limit."""
    options, session = call.json(), call.session
    model = options.get("model", "common")
    if model not in ("common", "frontend"):
        raise ApiRefusalError(f"The model '{model}' is not one of common, frontend.")
    limit = world.concurrent_transactions
    if limit is not None and len(open_transactions(world, session)) >= limit:
        raise world.limiter.refuse()
    tracks_changes = options.get("trackChanges") is True
    transaction = Transaction(model, world.now(), tracks_changes)
    session.transactions[transaction.id] = transaction
    return plain_text(transaction.id)


def end(world: World, call: ApiCall) -> ApiAnswer:
    """Commits or drops the changes. A refused commit leaves the transaction open."""
    transaction = _needed(call)
    if call.json().get("commit", True):
        try:
            world.data.commit(transaction)
        except ApiRefusalError:
            if world.failed_commit_ends_transaction:
                del call.session.transactions[transaction.id]
            raise
    del call.session.transactions[transaction.id]
    return NO_CONTENT


def get_changes(world: World, call: ApiCall) -> ApiAnswer:
    """The changes since the last call, those of front-end rules included."""
    transaction = _needed(call)
    if not transaction.tracks_changes:
        raise ApiRefusalError("The transaction does not track changes.")
    context = f"{world.url}/api/domain/odata/$metadata#Erp.OpenObject"
    return ApiAnswer(value={"@odata.context": context, **transaction.take_log()})


def _needed(call: ApiCall) -> Transaction:
    if call.transaction is None:
        raise ApiRefusalError("The header TransactionId is missing.")
    return call.transaction
