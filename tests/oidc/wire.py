"""A server that may do anything on the wire, and exchanges with it."""

import contextlib
import re
import socket
import socketserver
import threading
import time

import pytest

from erpnet_instanceid.oidc.errors import InstanceUnavailable
from erpnet_instanceid.oidc.http import Limits, exchange

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
SHORT = Limits(connect=1, deadline=0.5)
LONG = Limits(connect=5, deadline=20)


class Wire(socketserver.ThreadingTCPServer):
    """A server that does with each request what the test says, byte by byte."""

    request_queue_size = 64
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), None)
        self.address = "{}:{}".format(*self.server_address)
        self.url = f"http://{self.address}/path"
        self.requests = []
        self.connections = 0
        self.stopping = threading.Event()
        self.answers(OK)
        threading.Thread(target=self.serve_forever, args=[0.01]).start()

    def answers(self, *chunks, then_closes=False):
        def serve(connection, _request):
            for chunk in chunks:
                connection.sendall(chunk)
            if then_closes:
                connection.close()

        self.serve = serve

    def drips(self, start, rest=b"x", every=0.05):
        """``start``, then ``rest`` again and again."""

        def serve(connection, _request):
            connection.sendall(start)
            while not self.stopping.wait(every):
                connection.sendall(rest)

        self.serve = serve

    def process_request(self, request, client_address):
        self.connections += 1
        super().process_request(request, client_address)

    def finish_request(self, request, client_address):
        with contextlib.suppress(OSError):
            self.talk(request)

    def talk(self, connection):
        while (request := _read_request(connection)) is not None:
            self.requests.append(request)
            self.serve(connection, request)

    def close(self):
        self.stopping.set()
        self.shutdown()
        self.server_close()


def _read_request(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length and len(body) < int(length[1]):
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


@contextlib.contextmanager
def lasting(least, most):
    """Fails where the block does not take between so many seconds."""
    started = time.monotonic()
    yield
    assert least < time.monotonic() - started < most


class SocksProxy(Wire):
    """A proxy as in RFC 1928, and in its own person every host that it is asked for."""

    def __init__(self):
        self.asked_for = []
        super().__init__()

    def talk(self, connection):
        connection.recv(257)
        connection.sendall(b"\x05\x00")
        by_address = connection.recv(4)[3] == 1
        name = connection.recv(4 if by_address else connection.recv(1)[0])
        host = socket.inet_ntoa(name) if by_address else name.decode()
        self.asked_for.append((host, int.from_bytes(connection.recv(2), "big")))
        connection.sendall(b"\x05\x00\x00\x01" + bytes(6))
        super().talk(connection)
