"""Connections to the instance, with a deadline for each exchange and a limit on idle time."""

from __future__ import annotations

import http.client
import io
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

# Firewalls drop connections that are idle for long and tell nobody. A one-time code that is sent
# over such a connection is lost.
MAX_IDLE_SECONDS = 20.0

_now = threading.local()


@contextmanager
def deadline(seconds: float, *, each_read: bool = False) -> Iterator[None]:
    """Bounds what this thread reads of answers that begin inside the block.

    All of it together may take ``seconds``; with ``each_read`` every single wait may, for an
    answer that is as long as it is. An inner bound never exceeds the one around it.
    """
    around: Callable[[], float] = getattr(_now, "bound", _unbounded)
    ends_at = time.monotonic() + seconds
    if each_read:
        _now.bound = lambda: min(seconds, around())
    else:
        _now.bound = lambda: min(ends_at - time.monotonic(), around())
    try:
        yield
    finally:
        _now.bound = around


def seconds_left() -> float:
    """How long this thread may still read from the instance; infinite without a deadline."""
    bound: Callable[[], float] = getattr(_now, "bound", _unbounded)
    return bound()


def _unbounded() -> float:
    return math.inf


class _DeadlineReader(io.RawIOBase):
    """Reads a socket. Each read lasts at most as many seconds as ``left()`` returns.

    A socket's own timeout starts again with every byte, so an answer of one byte a second would
    never time out.
    """

    def __init__(self, sock: Any, left: Callable[[], float]) -> None:
        self._socket = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._left()
        if left <= 0:
            raise TimeoutError("deadline")
        self._socket.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineSocket:
    def __init__(self, sock: Any, left: Callable[[], float]) -> None:
        self._socket = sock
        self._left = left

    def makefile(self, *_args: Any, **_kwargs: Any) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._socket, self._left))


class _DeadlineResponse(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        left = getattr(_now, "bound", _unbounded)
        bounded: Any = sock if left is _unbounded else _DeadlineSocket(sock, left)
        super().__init__(bounded, *args, **kwargs)


class _Connection(HTTPConnection):
    """A pooled connection that counts as closed once it has been idle for long."""

    response_class: Any = _DeadlineResponse
    _used_at = 0.0

    @property
    def is_connected(self) -> bool:
        return time.monotonic() - self._used_at < MAX_IDLE_SECONDS and super().is_connected

    def getresponse(self) -> Any:
        self._used_at = time.monotonic()
        return super().getresponse()


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


POOLS = {"http": _Pool, "https": _TLSPool}
