"""Values that are fetched from the instance once for all threads of a process."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from .errors import InstanceIDError, InstanceUnavailable
from .pool import seconds_left

logger = logging.getLogger("erpnet_instanceid")

FRESH_SECONDS = 24 * 3600.0
STALE_SECONDS = 7 * 24 * 3600.0
RENEWAL_SECONDS = 60.0
# Visitors who are not signed in may cause a fetch. While the instance hangs, a server's threads
# wait for it so long, counted from the start of the fetch. After that they do not wait at all.
PATIENCE_SECONDS = 3.0
# How many threads of a process wait so long in requests that anybody can send, and how long the
# others of that kind do.
MOST_STRANGERS = 2
HURRIED_SECONDS = 1.0
PENDING = "metadata_pending"

Clock = Callable[[], float]
T = TypeVar("T")

_all: weakref.WeakSet[Fetched[Any]] = weakref.WeakSet()


class _Now(threading.local):
    """Whether this thread is inside `as_stranger`."""

    is_strangers = False


_now = _Now()


@contextmanager
def as_stranger() -> Iterator[None]:
    """For requests that anybody can send: few of them may wait long for a fetch at the same time.

    Inside the block, the next one raises InstanceUnavailable (``metadata_pending``) a second after
    the fetch has begun.
    """
    around, _now.is_strangers = _now.is_strangers, True
    try:
        yield
    finally:
        _now.is_strangers = around


class Fetched(Generic[T]):
    """A value from the instance. A thread of its own fetches it, and other threads wait for it.

    They use a stale value where a fetch fails or takes long. After a failed fetch the next one
    starts ``retry_seconds`` later. An error names ``url`` as what does not answer.
    """

    def __init__(
        self, url: str, fetch: Callable[[], T], clock: Clock, *, retry_seconds: float
    ) -> None:
        self.url = url
        self._fetch = fetch
        self._clock = clock
        self._retry_seconds = retry_seconds
        self._value: T | None = None
        self._fetched_at = 0.0
        self._error: InstanceIDError | None = None
        self._failed_at = 0.0
        self._renewed_at: float | None = None
        self.start_in_child()
        _all.add(self)

    def start_in_child(self) -> None:
        """Starts anew after a fork: the child has neither of the threads that these belong to."""
        # A thread holds the lock for moments, and never while it waits for the instance.
        self._lock = threading.Lock()
        self._under_way: _Fetch[T] | None = None

    def get(self, patience: float = PATIENCE_SECONDS) -> T:
        """The value. Raises InstanceUnavailable or InvalidResponse where there is none now.

        Waits until ``patience`` seconds after the start of the fetch, or until the deadline.
        """
        value = self._younger_than(FRESH_SECONDS)
        if value is not None:
            return value
        with self._lock:
            value, stale = self._younger_than(FRESH_SECONDS), self._younger_than(STALE_SECONDS)
            if value is not None:
                return value
            is_first = self._under_way is None
            if is_first and self._error is not None and self._has_just_failed():
                return self._stale_or_raise(stale, self._error)
            fetch = self._under_way or self._start()
        if stale is not None and not is_first:
            return stale
        try:
            return fetch.wait(patience)
        except InstanceIDError as error:
            return self._stale_or_raise(stale, error)

    def is_fresh(self) -> bool:
        """Whether `get` answers at once, without a fetch."""
        return self._younger_than(FRESH_SECONDS) is not None

    def renew(self, seen: T) -> T | None:
        """A value other than ``seen``: fetches, unless another thread has done so meanwhile.

        None where the last call fetched less than a minute ago. Raises and waits as `get` does.
        """
        with self._lock:
            if self._value is not None and self._value is not seen:
                return self._value
            if self._under_way is None:
                now = self._clock()
                if self._renewed_at is not None and now - self._renewed_at < RENEWAL_SECONDS:
                    return None
                self._renewed_at = now
            fetch = self._under_way or self._start()
        return fetch.wait(PATIENCE_SECONDS)

    def _younger_than(self, seconds: float) -> T | None:
        if self._value is not None and self._clock() - self._fetched_at < seconds:
            return self._value
        return None

    def _has_just_failed(self) -> bool:
        return self._clock() - self._failed_at < self._retry_seconds

    @staticmethod
    def _stale_or_raise(stale: T | None, error: InstanceIDError) -> T:
        if stale is None:
            raise error.again()
        return stale

    def _start(self) -> _Fetch[T]:
        fetch: _Fetch[T] = _Fetch(self.url)
        self._under_way = fetch
        name = "erpnet-instanceid-fetch"
        threading.Thread(target=self._run, args=[fetch], name=name, daemon=True).start()
        return fetch

    def _run(self, fetch: _Fetch[T]) -> None:
        try:
            value = self._fetch()
        except BaseException as error:  # noqa: BLE001 - the threads that wait raise it
            self._note_failure(error)
            fetch.outcome.set_exception(error)
        else:
            with self._lock:
                self._value, self._fetched_at, self._error = value, self._clock(), None
                self._under_way = None
            fetch.outcome.set_result(value)

    def _note_failure(self, error: BaseException) -> None:
        with self._lock:
            self._under_way = None
            if isinstance(error, InstanceIDError):
                # A copy has no traceback. The original's would keep variables alive.
                self._error, self._failed_at = error.again(), self._clock()
        if self._value is not None and self._younger_than(FRESH_SECONDS) is None:
            logger.warning("instance_stale error=%s", error)


class _Fetch(Generic[T]):
    """A fetch under way, for the threads that wait for it."""

    def __init__(self, url: str) -> None:
        self.outcome: futures.Future[T] = futures.Future()
        self._url = url
        self._started_at = time.monotonic()

    def wait(self, patience: float) -> T:
        """The fetched value. Raises the fetch's error, or InstanceUnavailable for a slow one."""
        with _place() as has_place:
            patience = patience if has_place else min(patience, HURRIED_SECONDS)
            left = min(self._started_at + patience - time.monotonic(), seconds_left())
            futures.wait([self.outcome], max(0.0, left))
        if not self.outcome.done() and not has_place:
            raise InstanceUnavailable(PENDING, url=self._url, answer_lost=False)
        if not self.outcome.done():
            raise InstanceUnavailable("timeout", url=self._url, answer_lost=False)
        try:
            return self.outcome.result()
        except InstanceIDError as error:
            # Each thread raises an error of its own, since raising one writes into its traceback.
            raise error.again() from None


_places = threading.BoundedSemaphore(MOST_STRANGERS)


@contextmanager
def _place() -> Iterator[bool]:
    """Whether the thread may wait as long as it likes."""
    places = _places
    if not _now.is_strangers:
        yield True
    elif places.acquire(blocking=False):
        try:
            yield True
        finally:
            places.release()
    else:
        yield False


def _start_in_child() -> None:
    global _places
    _places = threading.BoundedSemaphore(MOST_STRANGERS)
    for fetched in list(_all):
        fetched.start_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_in_child)
