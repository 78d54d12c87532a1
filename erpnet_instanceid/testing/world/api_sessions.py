"""Sessions at the instance's APIs. Each takes a licence slot."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from .transactions import Transaction


@dataclass(eq=False)
class ApiSession:
    """The use of one token, or of all tokens of one sign-in. Times are Unix seconds.

    ErpNetDocs, auth/sessions/token-session-relationship.
    """

    holder: str
    is_service: bool
    opened_at: float
    last_call_at: float
    transactions: dict[str, Transaction] = field(default_factory=dict)


@dataclass(frozen=True)
class SessionLifetimes:
    """Seconds after which a session ends: without a call, and a service's in any case."""

    idle: float
    service: float

    def have_ended(self, session: ApiSession, now: float) -> bool:
        is_idle = now - session.last_call_at >= self.idle
        return is_idle or (session.is_service and now - session.opened_at >= self.service)


class ApiSessions:
    """The open sessions. `slots` is the number of licences, None for any number."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, ApiSession] = {}
        self.slots: int | None = None
        self.opened = 0

    def use(
        self, holder: str, *, is_service: bool, lifetimes: SessionLifetimes, now: float
    ) -> ApiSession | None:
        """The session of `holder`, opened if necessary. None if all licences are taken."""
        with self._lock:
            self._end_old_sessions(lifetimes, now)
            session = self._open.get(holder)
            if session is None and self.slots is not None and len(self._open) >= self.slots:
                return None
            if session is None:
                session = self._open[holder] = ApiSession(holder, is_service, now, now)
                self.opened += 1
            session.last_call_at = now
            return session

    def _end_old_sessions(self, lifetimes: SessionLifetimes, now: float) -> None:
        ended = [h for h, session in self._open.items() if lifetimes.have_ended(session, now)]
        for holder in ended:
            del self._open[holder]

    def end(self, holder: str) -> None:
        with self._lock:
            self._open.pop(holder, None)

    @property
    def open(self) -> list[ApiSession]:
        with self._lock:
            return list(self._open.values())
