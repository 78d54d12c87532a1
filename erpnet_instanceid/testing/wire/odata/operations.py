"""Runs one call of the Domain API."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from ...world.entities import EntitySet
from ...world.refusals import ApiRefusalError, not_found
from ...world.state import World
from ...world.transactions import Transaction
from . import transactions, writes
from .batch import run_batch
from .calls import NO_CONTENT, ApiAnswer, ApiCall
from .imports import import_objects
from .printouts import get_printout
from .queries import present, read_list

_PATH = re.compile(r"(?P<entity>\w+)(?:\((?P<key>[^()]*)\))?(?:/(?P<action>\w+))?", re.ASCII)

_UNBOUND: Mapping[tuple[str, str], Callable[[World, ApiCall], ApiAnswer]] = {
    ("POST", "BeginTransaction"): transactions.begin,
    ("POST", "EndTransaction"): transactions.end,
    ("GET", "GetChanges"): transactions.get_changes,
    ("POST", "Import"): import_objects,
}


def run(world: World, call: ApiCall) -> ApiAnswer:
    """The answer. Raises a refusal, TooManyRequestsError, or InsufficientScopeError."""
    unbound = _UNBOUND.get((call.method, call.path))
    if unbound is not None:
        return unbound(world, call)
    if (call.method, call.path) == ("POST", "$batch"):
        return run_batch(world, call, run)
    match = _PATH.fullmatch(call.path)
    if match is None:
        raise not_found(call.path)
    entity, key, action = match["entity"], (match["key"] or "").lower(), match["action"]
    if action:
        return _run_action(world, world.data.set_named(entity), key, action, call)
    if match["key"] is None:
        return _run_for_set(world, world.data.set_named(entity), call)
    return _run_for_row(world, world.data.set_named(entity), key, call)


def _run_action(world: World, entity: EntitySet, key: str, action: str, call: ApiCall) -> ApiAnswer:
    if (call.method, action) != ("POST", "GetPrintout"):
        raise not_found(call.path)
    return get_printout(world, entity, key, call)


def _run_for_set(world: World, entity: EntitySet, call: ApiCall) -> ApiAnswer:
    if call.method == "GET":
        return read_list(world, entity, call)
    if call.method != "POST":
        raise _not_allowed(call)
    call.need_update_scope()
    with writing(world, call) as transaction:
        row = writes.create(world, entity, call.json(), transaction)
    return ApiAnswer(201, present(entity, row, {}))


def _run_for_row(world: World, entity: EntitySet, key: str, call: ApiCall) -> ApiAnswer:
    if call.method == "GET":
        row = world.data.row(entity, key, call.transaction)
        return ApiAnswer(value=present(entity, row, call.query))
    if call.method not in ("PATCH", "DELETE"):
        raise _not_allowed(call)
    call.need_update_scope()
    with writing(world, call) as transaction:
        if call.method == "DELETE":
            world.data.delete(entity, key, transaction)
        else:
            writes.update(world, entity, key, call.json(), transaction)
    return NO_CONTENT


@contextmanager
def writing(world: World, call: ApiCall) -> Iterator[Transaction]:
    """The call's transaction; without one, a transaction that is committed at the end."""
    if call.transaction is not None:
        yield call.transaction
        return
    transaction = Transaction()
    yield transaction
    world.data.commit(transaction)


def _not_allowed(call: ApiCall) -> ApiRefusalError:
    return ApiRefusalError(f"{call.method} is not allowed for {call.path}.", status=405)
