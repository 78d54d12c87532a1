"""The instance's limits for the requests of one session. ErpNetDocs, tech, rate-limits."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

MINUTE = 60


class TooManyRequestsError(Exception):
    """The instance answers 429. `retry_after` is in seconds, None if it does not say."""

    def __init__(self, retry_after: float | None = None) -> None:
        super().__init__("too many requests")
        self.retry_after = retry_after


@dataclass(frozen=True)
class RequestLimits:
    """For one session. None means any number."""

    per_minute: int | None
    at_once: int | None
    queue: float


@dataclass(eq=False)
class _Caller:
    times: deque[float] = field(default_factory=deque)
    running: int = 0
    waiting: deque[object] = field(default_factory=deque)


class Limiter:
    """Lets requests in, makes them wait in a queue, or refuses them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._callers: dict[str, _Caller] = {}
        self._is_stopping = False
        self.refused = 0

    def queue(self, holder: str, limits: RequestLimits, now: float) -> AbstractContextManager[None]:
        """A place for a request of the session `holder`. Raises TooManyRequestsError.

        The `with` block of the result begins when it is the request's turn.
        """
        with self._changed:
            caller = self._callers.setdefault(holder, _Caller())
            try:
                _check_queue(caller, limits)
                _check_minute(caller, limits, now)
            except TooManyRequestsError:
                self.refused += 1
                raise
            ticket = object()
            caller.waiting.append(ticket)
        return self._turn(caller, ticket, limits)

    @contextmanager
    def _turn(self, caller: _Caller, ticket: object, limits: RequestLimits) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._is_stopping or (caller.waiting[0] is ticket and _is_free(caller, limits))
                )
            )
            caller.waiting.remove(ticket)
            caller.running += 1
            # More than one may run at a time, so the next in the queue looks again.
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                caller.running -= 1
                self._changed.notify_all()

    def refuse(self) -> TooManyRequestsError:
        """Count a refusal for another reason. The caller raises the returned error."""
        with self._changed:
            self.refused += 1
        return TooManyRequestsError()

    def stop(self) -> None:
        """Let all waiting requests go."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()


def _is_free(caller: _Caller, limits: RequestLimits) -> bool:
    return limits.at_once is None or caller.running < limits.at_once


def _check_queue(caller: _Caller, limits: RequestLimits) -> None:
    if limits.at_once is None:
        return
    if caller.running + len(caller.waiting) >= limits.at_once + limits.queue:
        raise TooManyRequestsError


def _check_minute(caller: _Caller, limits: RequestLimits, now: float) -> None:
    """Count the request. No period of a minute may have more than the limit."""
    if limits.per_minute is None:
        return
    while caller.times and caller.times[0] <= now - MINUTE:
        caller.times.popleft()
    if len(caller.times) >= limits.per_minute:
        oldest = caller.times[0] if caller.times else now
        raise TooManyRequestsError(oldest + MINUTE - now)
    caller.times.append(now)
