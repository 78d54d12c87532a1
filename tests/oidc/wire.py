"""A server that may do anything on the wire, and exchanges with it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

import pytest

from erpnet_instanceid.oidc.errors import InstanceUnavailable
from erpnet_instanceid.oidc.http import Limits, exchange

Serve = Callable[[socket.socket, bytes], object]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
SHORT = Limits(connect=1, deadline=0.5)
LONG = Limits(connect=5, deadline=20)


class Wire:
    """A server that does with each request what the test says, byte by byte."""

    def __init__(self):
        self.requests: list[bytes] = []
        self.connections = 0
        self.serve: Serve = lambda connection, request: connection.sendall(OK)
        self.stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def address(self):
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    @property
    def url(self):
        return f"http://{self.address}/path"

    def answers(self, *chunks):
        self.serve = lambda connection, request: [connection.sendall(chunk) for chunk in chunks]

    def drips(self, start, rest=b"x", every=0.05):
        """``start``, then ``rest`` again and again."""

        def serve(connection, _request):
            connection.sendall(start)
            while not self.stopping.wait(every):
                connection.sendall(rest)

        self.serve = serve

    def close(self):
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                thread = threading.Thread(target=self._talk, args=[connection], daemon=True)
                self._threads.append(thread)
                thread.start()

    def _talk(self, connection):
        with contextlib.suppress(OSError), connection:
            while (request := _read_request(connection)) is not None:
                self.requests.append(request)
                self.serve(connection, request)


def _read_request(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-len")),
        0,
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def get(wire, limits=LONG, **kwargs):
    return exchange("GET", wire.url, limits=limits, **kwargs)


def failure(url, method="GET", limits=LONG, **kwargs):
    """The error in which the exchange ends."""
    with pytest.raises(InstanceUnavailable) as caught:
        exchange(method, url, limits=limits, **kwargs)
    return caught.value


def unavailable(wire, limits=SHORT):
    return failure(wire.url, limits=limits)


class SocksProxy:
    """A proxy as in RFC 1928, as much of it as a client needs."""

    def __init__(self):
        self.asked_for: list[tuple[str, int]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client):
        client.recv(257)
        client.sendall(b"\x05\x00")
        kind = client.recv(4)[3]
        host = socket.inet_ntoa(client.recv(4)) if kind == 1 else _read_name(client)
        self.asked_for.append((host, int.from_bytes(client.recv(2), "big")))
        with client, socket.create_connection(("127.0.0.1", self.asked_for[-1][1])) as server:
            client.sendall(b"\x05\x00\x00\x01" + bytes(6))
            threading.Thread(target=_relay, args=[client, server], daemon=True).start()
            _relay(server, client)


def _read_name(client):
    return client.recv(client.recv(1)[0]).decode()


def _relay(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
