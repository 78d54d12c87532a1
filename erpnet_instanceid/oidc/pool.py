"""Connections to the instance: one deadline for the whole of an exchange, a limit on idle time."""

from __future__ import annotations

import functools
import http.client
import io
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent import futures
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError

# Firewalls drop connections that are idle for long and tell nobody. A one-time code that is sent
# over such a connection is lost.
MAX_IDLE_SECONDS = 20.0

T = TypeVar("T")


@dataclass
class Bound:
    """How long a thread may still wait for the instance, and whether it has sent anything yet.

    It waits until ``ends_at``, of the monotonic clock, and at most ``each_read`` seconds at a time.
    A connection that is ready with less than ``to_answer`` seconds left is closed and sends
    nothing.
    """

    ends_at: float = math.inf
    each_read: float = math.inf
    to_answer: float = 0.0
    sent: bool = False
    _around: Bound | None = field(default=None, init=False, repr=False)

    def left(self) -> float:
        """Seconds that the next wait may last; infinite without a deadline."""
        return min(self.each_read, self.ends_at - time.monotonic())

    def __enter__(self) -> Bound:
        self._around, _now.bound = _now.bound, self
        return self

    def __exit__(self, *_error: object) -> None:
        _now.bound = self._around


class _Now(threading.local):
    """The innermost `deadline` of this thread."""

    bound: Bound | None = None


_now = _Now()


def deadline(seconds: float, *, each_read: bool = False) -> AbstractContextManager[Bound]:
    """Bounds how long this thread waits for exchanges that begin inside the block.

    All of it together may take ``seconds``: looking up the name, connecting, sending, reading. With
    ``each_read`` each single wait may take so long, for an answer of any length. An inner bound
    never exceeds the one around it.
    """
    outer = _bound()
    if each_read:
        return Bound(outer.ends_at, min(seconds, outer.each_read))
    return Bound(min(time.monotonic() + seconds, outer.ends_at), outer.each_read)


def seconds_left() -> float:
    """How long this thread may still wait for the instance; infinite without a deadline."""
    return math.inf if _now.bound is None else _now.bound.left()


def has_sent() -> bool:
    """Whether this thread has begun to send, in the innermost `deadline`."""
    return _now.bound is not None and _now.bound.sent


def _bound() -> Bound:
    return _now.bound or Bound()


class _DeadlineReader(io.RawIOBase):
    """Reads a socket. Each read lasts at most as long as ``bound`` allows.

    A socket's own timeout starts again with every byte, so an answer of one byte a second would
    never time out.
    """

    def __init__(self, sock: Any, bound: Bound) -> None:
        self._socket = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._bound = bound

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._bound.left()
        if left <= 0:
            raise TimeoutError("deadline")
        self._socket.settimeout(_timeout(left))
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineSocket:
    def __init__(self, sock: Any, bound: Bound) -> None:
        self._socket = sock
        self._bound = bound

    def makefile(self, *_args: Any, **_kwargs: Any) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._socket, self._bound))


class _DeadlineResponse(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        # Outside a deadline the socket's own timeout counts.
        bound = _now.bound
        bounded: Any = sock if bound is None else _DeadlineSocket(sock, bound)
        super().__init__(bounded, *args, **kwargs)


class _Bounded(HTTPConnection):
    """A connection of urllib3 that keeps to the deadline and is closed when idle for long."""

    response_class: Any = _DeadlineResponse
    _used_at = 0.0

    @property
    def is_connected(self) -> bool:
        return time.monotonic() - self._used_at < MAX_IDLE_SECONDS and super().is_connected

    def connect(self) -> None:
        bound = _bound()
        in_time = done_within(bound.left() - bound.to_answer, super().connect, self.close)
        if not in_time or bound.left() < bound.to_answer:
            self.close()
            raise ConnectTimeoutError(self, "connected too late to send anything")

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _bound().sent = True
        super().send(data)

    def getresponse(self) -> Any:
        self._used_at = time.monotonic()
        return super().getresponse()


def done_within(seconds: float, work: Callable[[], object], undo: Callable[[], object]) -> bool:
    """Whether ``work`` has returned within ``seconds``. Raises what ``work`` raises.

    Runs it in a thread of its own, because nothing interrupts a slow look-up of a name, or the wait
    for an answer that must be heard. What is done too late is undone there.
    """
    done = started(work, undo)
    try:
        futures.wait([done], _timeout(seconds))
    finally:
        is_late = done.cancel()
    if not is_late:
        done.result()
    return not is_late


def started(work: Callable[[], T], undo: Callable[[], object]) -> futures.Future[T]:
    """What ``work`` will return, in a thread of its own. A cancelled future is undone there."""
    around = _bound()
    done: futures.Future[T] = futures.Future()

    def run() -> None:
        _now.bound = Bound(around.ends_at, around.each_read)
        try:
            finish = functools.partial(done.set_result, work())
        except BaseException as error:  # noqa: BLE001 - the caller raises it
            finish = functools.partial(done.set_exception, error)
        if done.set_running_or_notify_cancel():
            finish()
        else:
            undo()

    threading.Thread(target=run, name="erpnet-instanceid-wait", daemon=True).start()
    return done


def _timeout(seconds: float) -> float | None:
    """``seconds`` as the standard library takes it: None for ever, and nothing below zero."""
    return None if seconds > threading.TIMEOUT_MAX else max(0.0, seconds)


def bounded_pools(pools: Mapping[str, Any]) -> dict[str, Any]:
    """urllib3's pools by scheme, with connections that keep to the deadline."""
    return {scheme: _bounded_pool(pool) for scheme, pool in pools.items()}


@functools.cache
def _bounded_pool(pool: Any) -> Any:
    if issubclass(pool.ConnectionCls, _Bounded):
        return pool
    # Made from the pool's own class: the one for a SOCKS proxy takes arguments that no other takes.
    connection = type("BoundedConnection", (_Bounded, pool.ConnectionCls), {})
    return type("BoundedPool", (pool,), {"ConnectionCls": connection})
