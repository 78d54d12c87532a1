"""Lets the calls of one token queue in this process, where the instance would refuse them.

The instance counts, for each token, how many calls run at once and how many begin in a minute.
ErpNetDocs, tech, advanced/web-sites/rate-limits.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.signals import setting_changed
from django.dispatch import receiver

from ..conf import SETTING
from ..oidc.errors import InstanceUnavailable
from ..once import once

MINUTE = 60.0
# Longest that a Retry-After holds up other calls: it may be a mistake.
LONGEST_PAUSE = 60.0
MOST = 0.75
# More than a process has in use. Beyond it, gates that nobody uses make room.
MANY_GATES = 1000


@dataclass(frozen=True)
class CallLimits:
    """How many calls of one token may run at once, and begin in a minute. 0 is no limit."""

    concurrency: int = 1
    per_minute: int = 600


@dataclass(frozen=True, eq=False)
class Ticket:
    """A call that waits, for at most ``patience`` seconds. Times are of the monotonic clock."""

    wake: Callable[[], object]
    give_up_at: float
    patience: float


class Gate:
    """Admits the calls of one token, in the order in which they came."""

    def __init__(self, limits: CallLimits) -> None:
        self._concurrency = limits.concurrency or math.inf
        self._per_minute = limits.per_minute
        self._lock = threading.Lock()
        self._queue: deque[Ticket] = deque()
        self._running = 0
        self._began_at = -math.inf
        # When the calls of the last minute ended. Each has begun at the instance by then, so when a
        # minute has passed here it has passed at the instance too, however slow the way is.
        self._ended: deque[float] = deque()
        self._paused_until = -math.inf
        self._transaction = threading.Lock()

    def enter_now(self, patience: float) -> bool:
        """Admits a call if it has to wait for nothing."""
        with self._lock:
            now = time.monotonic()
            if self._queue or self._seconds_until_free(now, patience) > 0:
                return False
            self._begin(now)
            return True

    def enter(self, patience: float) -> None:
        """Returns when the call is admitted. Raises InstanceUnavailable after ``patience``."""
        woken = threading.Event()
        ticket = self._line_up(woken.set, patience)
        try:
            while (wait := self._admit(ticket)) > 0:
                woken.wait(wait)
                woken.clear()
        finally:
            self._step_aside(ticket)

    async def aenter(self, patience: float) -> None:
        """Like `enter`, on an event loop: a call that waits takes no thread."""
        woken, loop = asyncio.Event(), asyncio.get_running_loop()
        ticket = self._line_up(lambda: loop.call_soon_threadsafe(woken.set), patience)
        try:
            while (wait := self._admit(ticket)) > 0:
                timer = loop.call_later(wait, woken.set)
                await woken.wait()
                timer.cancel()
                woken.clear()
        finally:
            self._step_aside(ticket)

    def leave(self) -> None:
        """To be called when an admitted call has ended."""
        with self._lock:
            self._running -= 1
            if self._per_minute:
                self._ended.append(time.monotonic())
            self._wake_first()

    def pause(self, seconds: float) -> None:
        """Admits nothing for ``seconds``: the instance has refused a call."""
        with self._lock:
            until = time.monotonic() + min(seconds, LONGEST_PAUSE)
            self._paused_until = max(self._paused_until, until)

    @contextmanager
    def transaction(self, patience: float) -> Iterator[None]:
        """Keeps the other threads' transactions out: the instance allows one for each token."""
        if not self._transaction.acquire(timeout=patience):
            raise InstanceUnavailable("transaction_open")
        try:
            yield
        finally:
            self._transaction.release()

    def is_idle(self) -> bool:
        """Whether a new gate would admit the same calls."""
        now = time.monotonic()
        busy = self._running or self._queue or self._transaction.locked()
        ended = not self._ended or self._ended[-1] + MINUTE < now
        return not busy and ended and self._paused_until < now

    def _line_up(self, wake: Callable[[], object], patience: float) -> Ticket:
        ticket = Ticket(wake, time.monotonic() + patience, patience)
        with self._lock:
            self._queue.append(ticket)
        return ticket

    def _admit(self, ticket: Ticket) -> float:
        """0 if the call may run, else the seconds after which to ask again at the latest."""
        with self._lock:
            now = time.monotonic()
            is_first = self._is_first(ticket, now)
            wait = self._seconds_until_free(now, ticket.patience) if is_first else math.inf
            if wait <= 0:
                self._begin(now)
                return 0
            left = ticket.give_up_at - now
            if left <= 0 or left < wait < math.inf:
                raise InstanceUnavailable("calls_queued", waiting=len(self._queue))
            return min(wait, left)

    def _is_first(self, ticket: Ticket, now: float) -> bool:
        # A task does not step aside if its event loop has stopped or is busy.
        while self._queue and self._queue[0].give_up_at < now:
            if self._queue[0] is ticket:
                return True
            self._queue.popleft()
        return bool(self._queue) and self._queue[0] is ticket

    def _step_aside(self, ticket: Ticket) -> None:
        with self._lock:
            if ticket in self._queue:
                self._queue.remove(ticket)
            self._wake_first()

    def _wake_first(self) -> None:
        while self._queue:
            try:
                self._queue[0].wake()
                return
            except RuntimeError:
                # Its event loop is closed: nobody waits there any more.
                self._queue.popleft()

    def _begin(self, now: float) -> None:
        self._running += 1
        self._began_at = now

    def _seconds_until_free(self, now: float, patience: float) -> float:
        """Infinite if a call that runs has to end first."""
        if self._running >= self._concurrency:
            return math.inf
        if now < self._paused_until:
            return self._paused_until - now
        if not self._per_minute:
            return 0
        while self._ended and self._ended[0] + MINUTE <= now:
            self._ended.popleft()
        left = self._per_minute - len(self._ended) - self._running
        if not self._ended:
            return 0 if left > 0 else math.inf
        until_next_minute = self._ended[0] + MINUTE - now
        if left <= 0:
            return until_next_minute
        # If the calls used up the minute at once, the next one would wait for the rest of it. So
        # they keep a distance as soon as it is so large that the last in the queue has to wait for
        # most of its patience.
        gap = until_next_minute / left
        if gap * (len(self._queue) + 1) < patience * MOST:
            return 0
        return self._began_at + gap - now


class Gates:
    """The gates of a process, by token."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gates: dict[tuple[int, CallLimits], Gate] = {}

    def of(self, token: str, limits: CallLimits) -> Gate:
        # The hash tells tokens apart, and is no secret.
        key = hash(token), limits
        gate = self._gates.get(key)
        return gate if gate is not None else self._new(key)

    def _new(self, key: tuple[int, CallLimits]) -> Gate:
        with self._lock:
            if len(self._gates) >= MANY_GATES:
                self._gates = {k: gate for k, gate in self._gates.items() if not gate.is_idle()}
            return self._gates.setdefault(key, Gate(key[1]))


def gate_of(token: str, limits: CallLimits) -> Gate:
    """The gate that the calls with ``token`` have to pass in this process."""
    return _gates().of(token, limits)


@once(inherited=False)
def _gates() -> Gates:
    return Gates()


@receiver(setting_changed)
def _forget_gates(*, setting: str, **_kwargs: Any) -> None:
    if setting == SETTING:
        _gates.forget()
