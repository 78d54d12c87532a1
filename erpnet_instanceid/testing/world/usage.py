"""How callers use the instance's APIs: their sessions, transactions and limits."""

from __future__ import annotations

import math

from .api_sessions import ApiSession, SessionLifetimes
from .limits import RequestLimits
from .state import World
from .transactions import Transaction


def use_api(world: World, holder: str, *, is_service: bool) -> ApiSession | None:
    """The API session of `holder`, None if all licences are taken."""
    return world.api_sessions.use(
        holder, is_service=is_service, lifetimes=_lifetimes(world), now=world.now()
    )


def open_sessions(world: World) -> list[ApiSession]:
    lifetimes, now = _lifetimes(world), world.now()
    return [s for s in world.api_sessions.open if not lifetimes.have_ended(s, now)]


def open_transactions(world: World, session: ApiSession) -> dict[str, Transaction]:
    """The session's transactions by id. Those that are too old are removed."""
    oldest = world.now() - _no_limit_if_none(world.transaction_lifetime)
    for transaction in list(session.transactions.values()):
        if transaction.opened_at <= oldest:
            session.transactions.pop(transaction.id, None)
    return session.transactions


def request_limits(world: World) -> RequestLimits:
    return RequestLimits(
        world.requests_per_minute,
        world.concurrent_requests,
        _no_limit_if_none(world.request_queue),
    )


def _lifetimes(world: World) -> SessionLifetimes:
    return SessionLifetimes(
        _no_limit_if_none(world.session_idle_lifetime),
        _no_limit_if_none(world.service_session_lifetime),
    )


def _no_limit_if_none(limit: float | None) -> float:
    return math.inf if limit is None else limit
