"""Connections to the instance: how long they may take, and how long they stay open."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from erpnet_instanceid.oidc import pool
from erpnet_instanceid.oidc.errors import InstanceUnavailable, InvalidResponse
from erpnet_instanceid.oidc.http import MAX_ANSWER_BYTES, Limits, exchange

from ..support.forks import forking, in_child
from .wire import LONG, OK, SHORT, failure, get, lasting, unavailable

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
DRIPS = {
    "from the first byte": (b"", b"H"),
    "one header": (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
    "size of a chunk": (CHUNKED, b"0"),
    "trailers": (CHUNKED + b"0\r\n", b"X: y\r\n"),
    "nothing": (b"", b""),
    "nothing more": (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxxx", b""),
}


@pytest.mark.parametrize(("start", "rest"), DRIPS.values(), ids=DRIPS)
def test_dripped_answer_is_given_up_at_the_deadline(wire, start, rest):
    wire.drips(start, rest)

    with lasting(0.4, 1.5):
        error = unavailable(wire)

    assert (error.code, error.answer_lost) == ("timeout", True)
    assert error.facts["url"] == wire.url


def test_tls_that_is_never_agreed_on_is_given_up(wire):
    # Each request is answered by silence.
    with lasting(0.3, 2):
        failure(wire.url.replace("http:", "https:"), limits=Limits(0.3, 5))


def test_deadline_of_one_exchange_is_not_that_of_the_next(wire):
    wire.serve = lambda connection, request: (time.sleep(0.4), connection.sendall(OK))

    for _ in range(2):
        assert get(wire, Limits(1, 0.6)).status == 200
    assert wire.connections == 1


@pytest.mark.parametrize("each_read", [False, True])
def test_deadline_within_another_is_no_later(wire, each_read):
    wire.drips(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")

    with lasting(0.4, 1.5), pool.deadline(0.5), pool.deadline(20, each_read=each_read):
        unavailable(wire, LONG)


def test_nothing_is_asked_once_the_time_is_over(wire):
    with pool.deadline(0):
        error = unavailable(wire, LONG)

    assert (error.code, error.answer_lost) == ("timeout", False)
    assert wire.requests == []


def test_threads_have_deadlines_of_their_own(wire):
    def serve(connection, request):
        time.sleep(0.6 if b"/slow" in request else 0)
        connection.sendall(OK)

    wire.serve = serve

    def ask(path, deadline):
        try:
            url = f"http://{wire.address}{path}"
            return exchange("GET", url, limits=Limits(1, deadline)).status
        except InstanceUnavailable as error:
            return error.code

    with ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(ask, *how) for how in (("/slow", 0.3), ("/slow", 5), ("/", 5))]
        assert [future.result() for future in asked] == ["timeout", 200, 200]


@pytest.mark.usefixtures("no_proxies")
def test_fld_12_slow_look_up_of_a_name_spends_nothing(wire, slow_names):
    slow_names(1.5)

    with lasting(0, 1):
        error = failure(wire.url, "POST", SHORT, form={"code": "x"})

    assert (error.code, error.answer_lost) == ("timeout", False)
    # Nor later, when the look-up has come to its end. Its connection is closed.
    time.sleep(1.5)
    assert wire.requests == []
    assert get(wire).status == 200
    assert wire.connections == 2


@pytest.mark.usefixtures("no_proxies")
def test_fld_12_connection_that_is_made_late_spends_nothing(wire, slow_names):
    slow_names(0.9)
    limits = Limits(connect=5, deadline=1)

    error = failure(wire.url, "POST", limits, form={"code": "x"})

    assert (error.code, error.answer_lost) == ("timeout", False)
    assert wire.requests == []
    # A request that can be sent again is sent all the same.
    assert get(wire, limits).status == 200


def test_fld_12_slow_tunnel_through_a_proxy_spends_nothing(wire, monkeypatch, no_proxies):
    monkeypatch.setenv("HTTPS_PROXY", f"http://{wire.address}")
    wire.drips(b"HTTP/1.1 200 OK\r\nX-Long: ")

    with lasting(0.4, 1.5):
        error = failure("https://op.test/t", "POST", limits=Limits(5, 1), form={"code": "x"})

    assert (error.code, error.answer_lost) == ("proxy_failed", False)


@pytest.mark.parametrize(("left", "is_sent"), [(0.3, False), (0.7, True)])
def test_fld_12_nothing_is_spent_late_in_an_outer_deadline(wire, left, is_sent):
    with pool.deadline(left), contextlib.suppress(InstanceUnavailable):
        exchange("POST", wire.url, limits=Limits(3, 10), form={"code": "x"})

    assert len(wire.requests) == is_sent


def test_error_before_anything_is_sent_loses_no_answer(wire):
    """A byte of the request that was sent counts, and not the kind of error."""
    wire.drips(b"")
    assert not failure(wire.url, headers={"X": "a\nb"}).answer_lost
    assert unavailable(wire).answer_lost


TOO_LARGE = 2 * MAX_ANSWER_BYTES
KEPT = {
    "200": OK,
    "500": b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n",
    "204": b"HTTP/1.1 204 x\r\n\r\n",
    "chunked": CHUNKED + b"2\r\n{}\r\n0\r\n\r\n",
    "100": b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
}
ENDED = {
    "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "too large": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % TOO_LARGE + b"x" * TOO_LARGE,
}


@pytest.mark.parametrize("kind", [*KEPT, *ENDED])
def test_connection_is_used_again_after_a_whole_answer(wire, kind):
    wire.answers({**KEPT, **ENDED}[kind])

    for form in (None, None, {"a": "b"}):
        with contextlib.suppress(InvalidResponse):
            exchange("POST" if form else "GET", wire.url, limits=LONG, form=form)

    assert (len(wire.requests), wire.connections) == (3, 1 if kind in KEPT else 3)


def test_connection_that_the_server_closed_is_replaced(wire):
    wire.answers(OK, then_closes=True)

    for _ in range(3):
        assert get(wire).status == 200
        time.sleep(0.05)

    assert wire.connections == 3


def test_connection_that_was_idle_for_long_is_not_used_again(wire, monkeypatch):
    assert pool.MAX_IDLE_SECONDS == 20
    monkeypatch.setattr(pool, "MAX_IDLE_SECONDS", 0.3)

    get(wire)
    get(wire)
    assert wire.connections == 1
    time.sleep(0.4)
    get(wire)

    assert wire.connections == 2


def test_threads_share_the_pool_and_no_connection(wire):
    def serve(connection, request):
        number = request.split(b"?n=")[1].split(b" ")[0]
        time.sleep(0.01)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(number) + number)

    wire.serve = serve

    def ask(number):
        url = f"{wire.url}?n={number}"
        return exchange("GET", url, limits=LONG).body == str(number).encode()

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(200)))
    assert len(wire.requests) == 200
    assert wire.connections <= 8


@forking
@pytest.mark.parametrize("by_proxy", [False, True])
def test_two_processes_share_no_connection(wire, monkeypatch, no_proxies, by_proxy):
    if by_proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{wire.address}")
    get(wire)
    assert wire.connections == 1

    def ask():
        assert get(wire).status == get(wire).status == 200

    assert in_child(ask) == 0
    # The child has one of its own, and the parent goes on with its first.
    assert wire.connections == 2
    assert get(wire).status == 200
    assert wire.connections == 2
