"""Exchanges with the instance, against a server that may do anything on the wire."""

from __future__ import annotations

import contextlib
import gzip
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from erpnet_instanceid.oidc import http, pool
from erpnet_instanceid.oidc.errors import InstanceUnavailable, InvalidResponse
from erpnet_instanceid.oidc.http import MAX_ANSWER_BYTES, Answer, Limits, exchange, origin_of

Serve = Callable[[socket.socket, bytes], object]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
SHORT = Limits(connect=1, deadline=0.5)
LONG = Limits(connect=5, deadline=20)


class Wire:
    """A server that does with each request what the test says, byte by byte."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.serve: Serve = lambda connection, request: connection.sendall(OK)
        self.stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def address(self) -> str:
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}/path"

    def answers(self, *chunks: bytes) -> None:
        self.serve = lambda connection, request: [connection.sendall(chunk) for chunk in chunks]

    def drips(self, start: bytes, rest: bytes = b"x", every: float = 0.05) -> None:
        """``start``, then ``rest`` again and again."""

        def serve(connection: socket.socket, _request: bytes) -> None:
            connection.sendall(start)
            while not self.stopping.wait(every):
                connection.sendall(rest)

        self.serve = serve

    def close(self) -> None:
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                thread = threading.Thread(target=self._talk, args=[connection], daemon=True)
                self._threads.append(thread)
                thread.start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            while (request := _read_request(connection)) is not None:
                self.requests.append(request)
                self.serve(connection, request)


def _read_request(connection: socket.socket) -> bytes | None:
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


@pytest.fixture
def wire() -> Iterator[Wire]:
    http.forget_connections()
    server = Wire()
    yield server
    server.close()
    http.forget_connections()


def get(wire: Wire, limits: Limits = LONG, **kwargs: Any) -> Answer:
    return exchange("GET", wire.url, limits=limits, **kwargs)


def unavailable(wire: Wire, limits: Limits = SHORT) -> InstanceUnavailable:
    with pytest.raises(InstanceUnavailable) as caught:
        get(wire, limits)
    return caught.value


# The deadline


@pytest.mark.parametrize(
    ("start", "rest"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200", b" "),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    ],
    ids=[
        "from the first byte",
        "status line",
        "one header",
        "headers",
        "interim answers",
        "body",
        "chunks",
        "size of a chunk",
        "trailers",
        "body without an end",
    ],
)
def test_dripped_answer_is_given_up_at_the_deadline(wire: Wire, start: bytes, rest: bytes) -> None:
    wire.drips(start, rest)
    started = time.monotonic()

    error = unavailable(wire)

    assert 0.4 < time.monotonic() - started < 1.5
    assert error.answer_lost
    assert error.facts["url"] == wire.url


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxxx"])
def test_answer_that_stops_is_given_up_at_the_deadline(wire: Wire, sent: bytes) -> None:
    wire.serve = lambda connection, request: (connection.sendall(sent), wire.stopping.wait(10))
    started = time.monotonic()

    error = unavailable(wire)

    assert 0.4 < time.monotonic() - started < 1.5
    assert (error.code, error.answer_lost) == ("timeout", True)


def test_tls_that_is_never_agreed_on_is_given_up(wire: Wire) -> None:
    # Whatever arrives is answered by silence.
    started = time.monotonic()

    with pytest.raises(InstanceUnavailable):
        exchange("GET", wire.url.replace("http:", "https:"), limits=Limits(0.3, 5))

    assert time.monotonic() - started < 2


def test_slow_answer_within_the_deadline_is_read(wire: Wire) -> None:
    def serve(connection: socket.socket, _request: bytes) -> None:
        for byte in OK:
            connection.sendall(bytes([byte]))
            time.sleep(0.002)

    wire.serve = serve

    assert get(wire).body == b"{}"


def test_deadline_of_one_exchange_is_not_that_of_the_next(wire: Wire) -> None:
    def serve(connection: socket.socket, _request: bytes) -> None:
        time.sleep(0.4)
        connection.sendall(OK)

    wire.serve = serve
    limits = Limits(1, 0.8)

    for _ in range(3):
        assert get(wire, limits).status == 200
    assert wire.connections == 1


@pytest.mark.parametrize("each_read", [False, True])
def test_deadline_within_another_is_no_later(wire: Wire, each_read: bool) -> None:
    wire.drips(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    started = time.monotonic()

    with pool.deadline(0.5), pool.deadline(20, each_read=each_read):
        unavailable(wire, LONG)

    assert 0.4 < time.monotonic() - started < 1.5


def test_nothing_is_asked_once_the_time_is_over(wire: Wire) -> None:
    with pool.deadline(0):
        error = unavailable(wire, LONG)

    assert (error.code, error.answer_lost) == ("timeout", False)
    assert wire.requests == []


def test_threads_have_deadlines_of_their_own(wire: Wire) -> None:
    def serve(connection: socket.socket, request: bytes) -> None:
        time.sleep(0.6 if b"/slow" in request else 0)
        connection.sendall(OK)

    wire.serve = serve

    def ask(path: str, deadline: float) -> int | str:
        try:
            url = f"http://{wire.address}{path}"
            return exchange("GET", url, limits=Limits(1, deadline)).status
        except InstanceUnavailable as error:
            return error.code

    with ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(ask, *how) for how in (("/slow", 0.3), ("/slow", 5), ("/", 5))]
        assert [future.result() for future in asked] == ["timeout", 200, 200]


# What is lost, and what is not


def test_refused_connection_was_not_heard_of() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(InstanceUnavailable) as caught:
        exchange("GET", f"http://127.0.0.1:{port}/", limits=SHORT)

    assert (caught.value.code, caught.value.answer_lost) == ("unreachable", False)


def test_connection_that_is_not_taken_was_not_heard_of(untaken: str) -> None:
    with pytest.raises(InstanceUnavailable) as caught:
        exchange("GET", untaken, limits=Limits(0.3, 5))

    assert (caught.value.code, caught.value.answer_lost) == ("timeout", False)
    assert caught.value.facts["cause"] == "ConnectTimeoutError"


def test_server_without_tls_is_sent_nothing(no_proxies: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        port = listener.getsockname()[1]

        with pytest.raises(InstanceUnavailable) as caught:
            exchange("POST", f"https://127.0.0.1:{port}/", limits=LONG, form={"code": "x"})

        serving.join()
    assert (caught.value.code, caught.value.answer_lost) == ("tls_failed", False)


def test_unknown_host_was_not_heard_of(no_proxies: None) -> None:
    with pytest.raises(InstanceUnavailable) as caught:
        exchange("GET", "http://no-such-host.invalid/", limits=Limits(5, 10))

    assert (caught.value.code, caught.value.answer_lost) == ("unreachable", False)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nxx",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + 100_000 * b"x" + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + 200 * b"X: y\r\n" + b"\r\n",
        b"\x16\x03\x01\x00\x00",
    ],
)
def test_broken_answer_may_have_been_carried_out(wire: Wire, sent: bytes) -> None:
    def serve(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(sent)
        connection.close()

    wire.serve = serve

    error = unavailable(wire, LONG)

    assert (error.code, error.answer_lost) == ("connection_lost", True)


def test_nothing_is_sent_twice(wire: Wire) -> None:
    """A kept connection that the server ends in answer to a request: it may have done the work."""
    assert get(wire).status == 200
    wire.serve = lambda connection, request: connection.close()

    with pytest.raises(InstanceUnavailable) as caught:
        exchange("POST", wire.url, limits=LONG, form={"code": "x"})

    assert (caught.value.code, caught.value.answer_lost) == ("connection_lost", True)
    assert len(wire.requests) == 2


def test_redirects_are_not_followed(wire: Wire) -> None:
    location = b"Location: http://%s/other\r\n" % wire.address.encode()
    wire.answers(b"HTTP/1.1 307 x\r\nContent-Length: 0\r\n" + location + b"\r\n")

    assert get(wire).status == 307
    assert len(wire.requests) == 1


def test_errors_name_the_address_without_its_query(wire: Wire) -> None:
    wire.answers(b"garbage\r\n\r\n")

    with pytest.raises(InstanceUnavailable) as caught:
        exchange("GET", f"{wire.url}?token=secret", limits=SHORT)

    assert caught.value.facts["url"] == wire.url
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_repr_shows_neither_body_nor_headers(wire: Wire) -> None:
    wire.answers(b"HTTP/1.1 200 OK\r\nX-Secret: one\r\nContent-Length: 9\r\n\r\n{'token'}")

    answer = get(wire)

    assert answer.body == b"{'token'}"
    assert "token" not in repr(answer)
    assert "one" not in repr(answer)


# How much


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("over", [0, 1])
def test_answer_is_read_up_to_a_cap(wire: Wire, framing: str, over: int) -> None:
    body = b"x" * (MAX_ANSWER_BYTES + over)
    head = b"HTTP/1.1 200 OK\r\n"

    def serve(connection: socket.socket, _request: bytes) -> None:
        if framing == "length":
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        elif framing == "chunked":
            connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            connection.sendall(b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")
        else:
            connection.sendall(head + b"\r\n" + body)
            connection.close()

    wire.serve = serve

    if over:
        with pytest.raises(InvalidResponse) as caught:
            get(wire)
        assert caught.value.code == "answer_too_large"
    else:
        assert get(wire).body == body


def test_connection_ends_where_an_answer_is_too_large(wire: Wire) -> None:
    """Its connection ends there and then, though the caller may hold the answer for longer."""
    ended = threading.Event()

    def serve(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while not wire.stopping.is_set():
                connection.sendall(64 * 1024 * b"x")
        except OSError:
            ended.set()

    wire.serve = serve
    response = http.new_session(requests.Session).get(wire.url, stream=True)

    with pytest.raises(InvalidResponse, match="answer_too_large"):
        http.read_body(response, 1000)

    assert ended.wait(5)


def test_compression_is_declined_and_not_undone(wire: Wire) -> None:
    packed = gzip.compress(b'{"a": 1}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    wire.answers(head % len(packed) + packed)

    answer = get(wire)

    assert answer.body == packed
    assert b"accept-encoding: identity" in wire.requests[0].lower()
    with pytest.raises(InvalidResponse) as caught:
        answer.json_object()
    assert caught.value.code == "not_json"


# Who we are to the host


@pytest.mark.parametrize("where", ["NETRC", "HOME"])
def test_netrc_is_not_read(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str
) -> None:
    file = tmp_path / ".netrc"
    file.write_text("default login operator password of-the-host\n")
    monkeypatch.setenv(where, str(file if where == "NETRC" else tmp_path))

    get(wire)
    get(wire, headers={"Authorization": "Bearer token"})

    first, second = wire.requests
    assert b"authorization" not in first.lower()
    assert second.lower().count(b"authorization") == 1
    assert b"Authorization: Bearer token\r\n" in second


def test_exchange_has_nothing_of_the_one_before(wire: Wire) -> None:
    """To the same address, which is taken apart once."""
    bearer = {"Authorization": "Bearer token"}
    exchange("POST", wire.url, limits=LONG, form={"code": "first, and longer"}, headers=bearer)
    exchange("POST", wire.url, limits=LONG, form={"code": "second"})
    exchange("GET", wire.url, limits=LONG)

    _, second, third = wire.requests
    assert second.endswith(b"\r\n\r\ncode=second")
    assert b"Content-Length: 11\r\n" in second
    assert third.endswith(b"\r\n\r\n")
    assert b"content-type" not in third.lower()
    for request in (second, third):
        assert b"authorization" not in request.lower()
        assert b"Accept: application/json\r\n" in request


@pytest.mark.parametrize("value", ["Bearer secret\r\nX: y", " Bearer secret", "secret\0\n"])
def test_header_that_cannot_be_sent_is_not_told(wire: Wire, value: str) -> None:
    with pytest.raises(InstanceUnavailable) as caught:
        get(wire, headers={"Authorization": value})
    assert "secret" not in repr(caught.value)
    assert wire.requests == []


def test_cookies_are_not_kept(wire: Wire) -> None:
    wire.answers(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b; Path=/\r\n\r\n"))

    get(wire)
    get(wire)

    assert b"cookie" not in wire.requests[1].lower()


def test_session_reads_no_netrc(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / ".netrc"
    file.write_text("default login operator password of-the-host\n")
    monkeypatch.setenv("NETRC", str(file))

    http.new_session(requests.Session).get(wire.url)

    assert b"authorization" not in wire.requests[0].lower()


def test_session_looks_for_no_proxy_by_itself(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, no_proxies: None
) -> None:
    """What the environment names is looked up once, and handed to each call."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    assert http.new_session(requests.Session).get(wire.url).status_code == 200


def test_session_keeps_no_cookies(wire: Wire) -> None:
    wire.answers(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b; Path=/\r\n\r\n"))

    session = http.new_session(requests.Session)
    session.get(wire.url)
    session.get(wire.url)

    assert b"cookie" not in wire.requests[1].lower()


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_proxy_of_the_environment_is_used(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, no_proxies: None, name: str
) -> None:
    monkeypatch.setenv(name, f"http://{wire.address}")

    answer = exchange("GET", "http://op.test/id/keys", limits=LONG)

    assert answer.status == 200
    assert wire.requests[0].startswith(b"GET http://op.test/id/keys HTTP/1.1\r\n")


def test_proxy_is_asked_for_a_tunnel_to_an_https_instance(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, no_proxies: None
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{wire.address}")
    wire.answers(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    with pytest.raises(InstanceUnavailable) as caught:
        exchange("POST", "https://op.test/t", limits=LONG, form={"client_secret": "secret"})

    assert wire.requests[0].startswith(b"CONNECT op.test:443 HTTP/1.")
    assert b"secret" not in b"".join(wire.requests)
    assert (caught.value.code, caught.value.answer_lost) == ("proxy_failed", False)


def test_dripping_proxy_is_given_up_at_the_deadline(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, no_proxies: None
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{wire.address}")
    wire.drips(b"HTTP/1.1 200 OK\r\nX-Long: ")
    started = time.monotonic()

    with pytest.raises(InstanceUnavailable):
        exchange("GET", "https://op.test/id/keys", limits=SHORT)

    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_host_that_needs_no_proxy_is_asked_itself(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, no_proxies: None, name: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv(name, "127.0.0.1")

    assert get(wire).status == 200


# Connections


@pytest.mark.parametrize(
    "sent",
    [
        OK,
        b"HTTP/1.1 404 x\r\nContent-Length: 3\r\n\r\nxxx",
        b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 x\r\n\r\n",
        b"HTTP/1.1 302 x\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    ],
)
def test_connection_is_used_again(wire: Wire, sent: bytes) -> None:
    wire.answers(sent)

    for _ in range(3):
        get(wire)
    exchange("POST", wire.url, limits=LONG, form={"a": "b"})

    assert (len(wire.requests), wire.connections) == (4, 1)


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * MAX_ANSWER_BYTES)
        + b"x" * (2 * MAX_ANSWER_BYTES),
    ],
    ids=["close", "HTTP/1.0", "too large"],
)
def test_connection_is_not_used_again(wire: Wire, sent: bytes) -> None:
    wire.answers(sent)

    for _ in range(2):
        with contextlib.suppress(InvalidResponse):
            get(wire)

    assert wire.connections == 2


def test_connection_of_a_given_up_exchange_is_not_used_again(wire: Wire) -> None:
    wire.drips(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    unavailable(wire)
    wire.answers(OK)

    assert get(wire).body == b"{}"
    assert wire.connections == 2


def test_connection_that_the_server_closed_is_replaced(wire: Wire) -> None:
    def serve(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(OK)
        connection.close()

    wire.serve = serve

    for _ in range(3):
        assert get(wire).status == 200
        time.sleep(0.05)

    assert wire.connections == 3


def test_connection_that_was_idle_for_long_is_not_used_again(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pool.MAX_IDLE_SECONDS == 20
    monkeypatch.setattr(pool, "MAX_IDLE_SECONDS", 0.3)

    get(wire)
    get(wire)
    assert wire.connections == 1
    time.sleep(0.4)
    get(wire)

    assert wire.connections == 2


def test_threads_share_the_pool_and_no_connection(wire: Wire) -> None:
    def serve(connection: socket.socket, request: bytes) -> None:
        number = request.split(b"?n=")[1].split(b" ")[0]
        time.sleep(0.01)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(number) + number)

    wire.serve = serve

    def ask(number: int) -> bool:
        url = f"{wire.url}?n={number}"
        return exchange("GET", url, limits=LONG).body == str(number).encode()

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(200)))
    assert len(wire.requests) == 200
    assert wire.connections <= 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("by_proxy", [False, True])
def test_two_processes_share_no_connection(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, no_proxies: None, by_proxy: bool
) -> None:
    if by_proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{wire.address}")
    get(wire)
    assert wire.connections == 1
    readable, writable = os.pipe()

    child = os.fork()
    if child == 0:
        try:
            ok = get(wire).status == 200 and get(wire).status == 200
            os.write(writable, b"y" if ok else b"n")
        finally:
            os._exit(0)
    ready, _, _ = select.select([readable], [], [], 20)
    told = os.read(readable, 1) if ready else b""
    os.waitpid(child, 0)
    os.close(readable)
    os.close(writable)

    assert told == b"y"
    # The child has one of its own, and the parent goes on with its first.
    assert wire.connections == 2
    assert get(wire).status == 200
    assert wire.connections == 2


# Addresses


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://op.test/id", "https://op.test"),
        ("https://OP.test:443/id?x", "https://op.test"),
        ("http://op.test:80", "http://op.test"),
        ("http://op.test:443", "http://op.test:443"),
        ("https://op.test:8443/", "https://op.test:8443"),
        ("http://[::1]:5000/x", "http://[::1]:5000"),
        ("https://user:pw@op.test/", "https://op.test"),
    ],
)
def test_origins_can_be_compared(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://op.test:8443/id/keys", "https://op.test:8443/id/keys"),
        ("https://user:pw@op.test/id?token=x#token", "https://op.test/id"),
        ("https://op.test/" + "x" * 5000, "https://op.test/" + "x" * 184),
        ("https://op.test:port/", "malformed"),
        ("https://[op.test/", "malformed"),
    ],
    ids=["whole", "secrets", "long", "port", "host"],
)
def test_error_shows_an_address_without_its_secrets(url: str, shown: str) -> None:
    assert http.shown_address(url) == shown
