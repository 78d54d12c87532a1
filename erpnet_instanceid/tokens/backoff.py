"""Leaves a failing instance alone: for one second at first, then longer, at most for thirty."""

from __future__ import annotations

import threading
import time
from typing import Any

from django.core.signals import setting_changed
from django.dispatch import receiver

from ..conf import SETTING
from ..once import once

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 30.0
# If one sign-in fails, the reason may be that sign-in. If the instance is down, several fail.
SIGN_INS_THAT_TELL = 2
MAX_REMEMBERED = 1000


def pause_after(failures: int) -> float:
    """Seconds to wait after that many failures in a row."""
    return min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(max(failures - 1, 0), 10))


class Backoff:
    """The failures of one instance that this process has seen since it last answered.

    ``caller`` names a sign-in, or the service. The pause opens once different callers have failed.
    When it ends, one caller tries first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failed: set[str] = set()
        self._pauses = 0
        self._until = 0.0

    def is_pausing(self) -> bool:
        """Whether no caller may ask the instance now."""
        return bool(self._pauses) and time.monotonic() < self._until

    def allows(self, caller: str, probe_seconds: float) -> bool:
        """Whether ``caller`` may ask the instance now.

        After a pause the first caller has ``probe_seconds`` to report back; the others wait. A
        caller that has failed before leaves the first try to another one for a while.
        """
        if not self._pauses:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                return False
            if caller in self._failed and now < self._until + LONGEST_SECONDS:
                return False
            self._until = now + probe_seconds
            return True

    def succeeded(self) -> None:
        """Ends the pause: the instance has just answered a caller."""
        if not self._failed and not self._pauses:
            return
        with self._lock:
            self._failed.clear()
            self._pauses = 0

    def failed(self, caller: str) -> None:
        """Notes that the instance did not answer ``caller``."""
        with self._lock:
            if len(self._failed) < MAX_REMEMBERED:
                self._failed.add(caller)
            if len(self._failed) >= SIGN_INS_THAT_TELL:
                self._pauses += 1
                self._until = time.monotonic() + pause_after(self._pauses)


# A child process counts for itself: a lock that was held during the fork would stay locked there.
@once(inherited=False)
def of_issuer(issuer: str) -> Backoff:
    """The one back-off of this process for sign-ins, renewals and service tokens of an issuer."""
    return Backoff()


@receiver(setting_changed)
def _forget(*, setting: str, **_kwargs: Any) -> None:
    if setting == SETTING:
        of_issuer.forget()
