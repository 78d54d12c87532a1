"""Values made once per process; safe with threads and fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

# The values are made from the settings, and a site has few sets of settings.
MOST = 8

P = ParamSpec("P")
T = TypeVar("T")


class Once(Generic[P, T]):
    """A function that makes one value for the same arguments.

    ``inherited``: forked children share the value. Else each child makes its own, as it must for
    a value with locks, threads or a token.
    """

    def __init__(self, make: Callable[P, T], *, inherited: bool) -> None:
        self._make = make
        self._inherited = inherited
        self._start()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start_in_child)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        key = (args, tuple(kwargs.items()))
        try:
            return self._made[key]
        except KeyError:
            pass
        with self._lock:
            if key not in self._made:
                if len(self._made) >= MOST:
                    del self._made[next(iter(self._made))]
                self._made[key] = self._make(*args, **kwargs)
            return self._made[key]

    def forget(self) -> None:
        """Drops the values. The next call makes new ones."""
        with self._lock:
            self._made.clear()

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[object, T] = {}

    def _start_in_child(self) -> None:
        # The thread that held the lock in the parent does not exist here and cannot release it.
        made = self._made
        self._start()
        if self._inherited:
            self._made = made


def once(*, inherited: bool) -> Callable[[Callable[P, T]], Once[P, T]]:
    """Decorates the function that makes the value. See `Once`."""

    def decorate(make: Callable[P, T]) -> Once[P, T]:
        return Once(make, inherited=inherited)

    return decorate
