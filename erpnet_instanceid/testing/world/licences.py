"""Licence slots: how many callers may use the instance's APIs at once."""

from __future__ import annotations

import threading


class Licences:
    """A caller takes a slot with its first call and keeps it for 20 minutes after its last call.

    Signing out releases the slot. `slots` is how many there are, None for any number.
    """

    KEPT = 20 * 60

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: dict[str, float] = {}
        self.slots: int | None = None

    def take(self, holder: str, now: float) -> bool:
        """Whether `holder` has a slot now."""
        with self._lock:
            self._taken = {h: t for h, t in self._taken.items() if now - t < self.KEPT}
            full = self.slots is not None and len(self._taken) >= self.slots
            if full and holder not in self._taken:
                return False
            self._taken[holder] = now
            return True

    def release(self, holder: str) -> None:
        with self._lock:
            self._taken.pop(holder, None)

    @property
    def taken(self) -> int:
        return len(self._taken)
