"""How callers use the APIs of a world: their sessions, and their limits."""

from __future__ import annotations

from .api_sessions import ApiSession, SessionLifetimes
from .limits import RequestLimits
from .state import World


def use_api(world: World, holder: str, *, is_service: bool) -> ApiSession | None:
    """The API session of `holder`, None if all licences are taken."""
    return world.api_sessions.use(
        holder, is_service=is_service, lifetimes=_lifetimes(world), now=world.now()
    )


def open_sessions(world: World) -> list[ApiSession]:
    lifetimes, now = _lifetimes(world), world.now()
    return [s for s in world.api_sessions.open if not lifetimes.have_ended(s, now)]


def count_open_transactions(world: World) -> int:
    oldest = world.now() - world.transaction_lifetime
    transactions = [t for session in open_sessions(world) for t in session.transactions.values()]
    return sum(transaction.opened_at > oldest for transaction in transactions)


def request_limits(world: World) -> RequestLimits:
    return RequestLimits(world.requests_per_minute, world.concurrent_requests, world.request_queue)


def _lifetimes(world: World) -> SessionLifetimes:
    return SessionLifetimes(world.session_idle_lifetime, world.service_session_lifetime)
