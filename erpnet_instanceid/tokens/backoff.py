"""Leaving a failing instance alone: for one second after a failure, then longer, at most thirty."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 30.0


def pause_after(failures: int) -> float:
    """Seconds to wait after that many failures in a row."""
    return min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(max(failures - 1, 0), 10))


class Backoff:
    """What this process has seen of one instance. When a pause ends, one caller tries first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._until = 0.0

    def is_pausing(self) -> bool:
        """Whether nobody is to call now."""
        return bool(self._failures) and self._clock() < self._until

    def allows(self, probe_seconds: float) -> bool:
        """Whether to call now. After a failure the one who may has ``probe_seconds`` to report."""
        if not self._failures:
            return True
        with self._lock:
            if self._clock() < self._until:
                return False
            self._until = self._clock() + probe_seconds
            return True

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._until = self._clock() + pause_after(self._failures)
