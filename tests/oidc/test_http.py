"""Exchanges with the instance, against a server that may do anything on the wire."""

import gzip
import os
import subprocess
import sys
import threading
from pathlib import Path

import certifi
import pytest
import requests

from erpnet_instanceid.oidc import http
from erpnet_instanceid.oidc.errors import InstanceUnavailable, InvalidResponse
from erpnet_instanceid.oidc.http import MAX_ANSWER_BYTES, Limits, exchange, origin_of

from .wire import LONG, OK, SHORT, SocksProxy, failure, get, unavailable


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_host_that_takes_no_connection_has_not_heard_of_it(no_proxies, host):
    error = failure(f"http://{host}:9/")

    assert (error.code, error.answer_lost) == ("unreachable", False)


def test_connection_that_is_not_taken_was_not_heard_of(untaken):
    error = failure(untaken, limits=Limits(0.3, 5))

    assert (error.code, error.answer_lost) == ("timeout", False)
    assert error.facts["cause"] == "ConnectTimeoutError"


def test_server_without_tls_is_sent_nothing(wire, no_proxies):
    def talk(connection):
        wire.requests.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    wire.talk = talk

    error = failure(f"https://{wire.address}/", "POST", form={"code": "secret"})

    assert (error.code, error.answer_lost) == ("tls_failed", False)
    assert error.facts["cause"] == "SSLError"
    assert b"secret" not in wire.requests[0]


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nxx",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + 100_000 * b"x" + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + 200 * b"X: y\r\n" + b"\r\n",
    ],
)
def test_broken_answer_may_have_been_carried_out(wire, sent):
    wire.answers(sent, then_closes=True)

    error = unavailable(wire, LONG)

    assert (error.code, error.answer_lost) == ("connection_lost", True)


def test_nothing_is_sent_twice(wire):
    """A kept connection that the server ends in answer to a request: it may have done the work."""
    assert get(wire).status == 200
    wire.answers(then_closes=True)

    error = failure(wire.url, "POST", form={"code": "x"})

    assert (error.code, error.answer_lost) == ("connection_lost", True)
    assert len(wire.requests) == 2


def test_key_11_redirects_are_not_followed(wire):
    location = b"Location: http://%s/other\r\n" % wire.address.encode()
    wire.answers(b"HTTP/1.1 307 x\r\nContent-Length: 0\r\n" + location + b"\r\n")

    assert get(wire).status == 307
    assert len(wire.requests) == 1


def test_errors_name_the_address_without_its_query(wire):
    wire.answers(b"garbage\r\n\r\n")

    error = failure(f"{wire.url}?token=secret", limits=SHORT)

    assert error.facts["url"] == wire.url
    assert "secret" not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_repr_shows_neither_body_nor_headers(wire):
    wire.answers(b"HTTP/1.1 200 OK\r\nX-Secret: one\r\nContent-Length: 9\r\n\r\n{'token'}")

    answer = get(wire)

    assert answer.body == b"{'token'}"
    assert "token" not in repr(answer)
    assert "one" not in repr(answer)


FRAMINGS = {
    "length": lambda body: b"Content-Length: %d\r\n\r\n" % len(body) + body,
    "chunked": lambda body: (
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    ),
    "close": lambda body: b"\r\n" + body,
}


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("over", [0, 1])
def test_key_05_answer_is_read_up_to_a_cap(wire, framing, over):
    body = b"x" * (MAX_ANSWER_BYTES + over)
    sent = b"HTTP/1.1 200 OK\r\n" + FRAMINGS[framing](body)
    wire.answers(sent, then_closes=framing == "close")

    if over:
        with pytest.raises(InvalidResponse) as caught:
            get(wire)
        assert caught.value.code == "answer_too_large"
    else:
        assert get(wire).body == body


def test_connection_ends_where_an_answer_is_too_large(wire):
    """Its connection ends there and then, though the caller may hold the answer for longer."""
    ended = threading.Event()

    def serve(connection, _request):
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


def test_compression_is_declined_and_not_undone(wire):
    packed = gzip.compress(b'{"a": 1}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    wire.answers(head % len(packed) + packed)

    answer = get(wire)

    assert answer.body == packed
    assert b"accept-encoding: identity" in wire.requests[0].lower()
    with pytest.raises(InvalidResponse) as caught:
        answer.json_object()
    assert caught.value.code == "not_json"


def test_tok_15_netrc_is_not_read(wire, monkeypatch, tmp_path, no_proxies):
    """Nor do sessions read proxies: the environment is looked up once, and handed to each call."""
    (tmp_path / ".netrc").write_text("default login operator password of-the-host\n")
    monkeypatch.setenv("HOME", str(tmp_path))

    get(wire)
    get(wire, headers={"Authorization": "Bearer token"})
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    http.new_session(requests.Session).get(wire.url)

    first, second, of_session = wire.requests
    assert b"authorization" not in (first + of_session).lower()
    assert second.lower().count(b"authorization") == 1
    assert b"Authorization: Bearer token\r\n" in second


def test_exchange_has_nothing_of_the_one_before(wire):
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


@pytest.mark.parametrize("value", ["Bearer secret\r\nX: y", "Bearer secret ключ"])
def test_header_that_cannot_be_sent_is_not_told(wire, value):
    with pytest.raises(InstanceUnavailable) as caught:
        get(wire, headers={"Authorization": value})
    assert "secret" not in repr(caught.value)
    assert wire.requests == []


def test_cookies_are_not_kept(wire):
    wire.answers(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b; Path=/\r\n\r\n"))
    session = http.new_session(requests.Session)

    for _ in range(2):
        get(wire)
        session.get(wire.url)

    assert b"cookie" not in b"".join(wire.requests).lower()


@pytest.mark.parametrize("name", ["http_proxy", "ALL_PROXY"])
def test_proxy_of_the_environment_is_used(wire, monkeypatch, no_proxies, name):
    monkeypatch.setenv(name, f"http://{wire.address}")

    answer = exchange("GET", "http://op.test/id/keys", limits=LONG)

    assert answer.status == 200
    assert wire.requests[0].startswith(b"GET http://op.test/id/keys HTTP/1.1\r\n")


def test_proxy_is_asked_for_a_tunnel_to_an_https_instance(wire, monkeypatch, no_proxies):
    monkeypatch.setenv("HTTPS_PROXY", f"http://{wire.address}")
    wire.answers(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    error = failure("https://op.test/t", "POST", form={"client_secret": "secret"})

    assert wire.requests[0].startswith(b"CONNECT op.test:443 HTTP/1.")
    assert b"secret" not in b"".join(wire.requests)
    assert (error.code, error.answer_lost) == ("proxy_failed", False)


def test_host_that_needs_no_proxy_is_asked_itself(wire, monkeypatch, no_proxies):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    assert get(wire).status == 200


@pytest.fixture
def socks(no_proxies):
    proxy = SocksProxy()
    yield proxy
    proxy.close()


def test_socks_proxy_of_the_environment_is_used(socks, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", f"socks5h://{socks.address}")

    assert exchange("GET", "http://op.test:8080/", limits=LONG).status == 200
    # One connection serves the next exchange too, and keeps to the deadline.
    socks.drips(b"HTTP/1.1 200 OK\r\nX-Long: ")
    assert failure("http://op.test:8080/", limits=SHORT).code == "timeout"
    assert socks.asked_for == [("op.test", 8080)]


def test_session_goes_through_the_socks_proxy_of_a_call(socks):
    proxies = {"all": f"socks5://{socks.address}"}

    answer = http.new_session(requests.Session).get("http://127.0.0.1:8080/", proxies=proxies)

    assert answer.status_code == 200
    assert socks.asked_for == [("127.0.0.1", 8080)]


def failure_of(url="https://op.test/t"):
    error = failure(url, "POST", form={"client_secret": "secret"})
    assert not error.answer_lost
    return error


@pytest.mark.parametrize(
    ("name", "proxy", "code"),
    [
        ("https_proxy", "socks7://127.0.0.1:1", "proxy_unsupported"),
        ("https_proxy", "http://", "proxy_unsupported"),
        ("ALL_PROXY", "http://user:password@127.0.0.1:9", "proxy_failed"),
        ("ALL_PROXY", "socks5h://user:password@127.0.0.1:9", "proxy_failed"),
    ],
)
def test_proxy_is_named_without_its_password(monkeypatch, no_proxies, name, proxy, code):
    monkeypatch.setenv(name, proxy)

    error = failure_of()

    assert (error.code, error.facts["setting"]) == (code, name)
    assert "password" not in repr(error) + str(error)


def test_socks_proxy_without_its_library_is_named(no_proxies):
    program = """
import sys, warnings
sys.modules["socks"] = None
warnings.simplefilter("ignore")
from erpnet_instanceid.oidc.http import Limits, exchange
try:
    exchange("GET", "https://op.test/", limits=Limits())
except Exception as error:
    print(error.code, error.facts["setting"], error.facts["needs"], error.answer_lost)
"""
    environment = {**os.environ, "ALL_PROXY": "socks5h://user:password@127.0.0.1:1"}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.strip() == (
        "proxy_unsupported ALL_PROXY pip install requests[socks] False"
    ), ran.stderr


@pytest.mark.parametrize(
    ("variable", "content", "code"),
    [
        ("REQUESTS_CA_BUNDLE", None, "ca_bundle_missing"),
        ("CURL_CA_BUNDLE", "no PEM", "ca_bundle_unreadable"),
    ],
)
def test_ca_bundle_that_cannot_be_used_is_named(
    monkeypatch, no_proxies, tmp_path, variable, content, code
):
    bundle = tmp_path / "company.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv(variable, str(bundle))

    error = failure_of()

    assert (error.code, error.facts["setting"]) == (code, variable)
    assert error.facts["path"] == str(bundle)
    # The file may be mounted later. Then the host is what cannot be reached.
    bundle.write_bytes(Path(certifi.where()).read_bytes())
    assert failure_of(url="https://127.0.0.1:9/").code == "unreachable"


def test_client_certificate_that_is_not_there_is_named(no_proxies):
    session = http.new_session(requests.Session)

    with pytest.raises(InstanceUnavailable) as caught:
        session.get("https://op.test/", cert="/nowhere.pem")

    assert (caught.value.code, caught.value.answer_lost) == ("client_certificate_missing", False)


def test_origins_can_be_compared():
    for url in ["https://op.test/id", "https://OP.test:443/id?x", "https://user:pw@op.test/"]:
        assert origin_of(url) == "https://op.test"
    assert origin_of("http://op.test:80") == "http://op.test"
    assert origin_of("http://op.test:443") == "http://op.test:443"
    assert origin_of("http://[::1]:5000/x") == "http://[::1]:5000"


def test_error_shows_an_address_without_its_secrets():
    assert http.shown_address("https://op.test:8443/id/keys") == "https://op.test:8443/id/keys"
    secret = "https://user:pw@op.test/id?token=x#token"
    assert http.shown_address(secret) == "https://op.test/id"
    assert http.shown_address("https://op.test/" + "x" * 5000) == "https://op.test/" + "x" * 184
    for url in ["https://op.test:port/", "https://[op.test/"]:
        assert http.shown_address(url) == "malformed"
