"""Rows KEY of the cases: the instance's metadata and keys, and what they may not talk us into."""

from __future__ import annotations

import gzip
import secrets
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.http import HttpRequest, JsonResponse
from django.urls import include, path

from erpnet_instanceid.api import user_api
from erpnet_instanceid.models import SignIn
from erpnet_instanceid.oidc import fetched, provider
from erpnet_instanceid.oidc.errors import InstanceIDError
from erpnet_instanceid.testing import Instance, Token, new_key, run_instance

from ..support.outcomes import assert_rejected, assert_signed_in, assert_unavailable, look, within
from ..support.places import FRONT
from ..support.tls import Trusted
from ..support.visitor import Visitor

Configure = Callable[..., None]
NewVisitor = Callable[..., Visitor]

MEGABYTE = 1024 * 1024
CUSTOMERS = "/api/domain/odata/Crm_Sales_Customers?$top=1"


def call_api(request: HttpRequest) -> JsonResponse:
    """A page that calls the instance, and says what it learnt."""
    try:
        answer = user_api(request).get(CUSTOMERS, stream="stream" in request.GET)
        return JsonResponse({"bytes": len(answer.content)})
    except InstanceIDError as error:
        return JsonResponse({"code": error.code, "text": str(error)}, status=502)


urlpatterns = [path("call-api", call_api), path("", include("tests.urls"))]


@pytest.fixture
def quick_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the site ask a failing instance again at once. See tests/oidc."""
    monkeypatch.setattr(provider, "RETRY_SECONDS", 0.0)


def assert_start_fails(visitor: Visitor, instance: Instance, code: str | None = None) -> None:
    """UPF at the start of a sign-in: nobody is sent anywhere."""
    before = look(visitor, instance)
    response = visitor.get("/signin")
    assert "Location" not in response.headers
    assert_unavailable(visitor, response, before, code=code)


def assert_starts_again(visitor: Visitor, instance: Instance, user: str = "maria") -> None:
    before = look(visitor, instance)
    assert_signed_in(visitor, visitor.sign_in(), before, user)


# Metadata


@pytest.mark.usefixtures("quick_retry")
def test_key_01_metadata_of_another_issuer_stops_the_sign_in(
    visitor: Visitor, instance: Instance, caplog: pytest.LogCaptureFixture
) -> None:
    instance.change("discovery", lambda document: document.update(issuer=instance.issuer + "/"))

    assert_start_fails(visitor, instance, code="issuer_mismatch")

    assert instance.calls("authorize") == []
    (told,) = [
        r for r in caplog.records if r.name == "erpnet_instanceid" and r.levelname == "ERROR"
    ]
    assert instance.issuer in told.getMessage()
    assert len(told.getMessage()) < 1000
    instance.heal()
    assert_starts_again(visitor, instance)


def test_key_02_keys_are_fetched_from_where_the_metadata_says(
    visitor: Visitor, instance: Instance
) -> None:
    somewhere = f"/{secrets.token_hex(8)}/keys"
    instance.change("discovery", lambda d: d.update(jwks_uri=instance.issuer + somewhere))
    instance.always("other", json=instance.keys.jwks())
    before = look(visitor, instance)

    assert_signed_in(visitor, visitor.sign_in(), before)

    assert instance.calls("jwks") == []
    assert [call.path for call in instance.calls("other")] == [f"/id{somewhere}"]


@pytest.mark.parametrize("endpoint", ["token_endpoint", "jwks_uri", "end_session_endpoint"])
@pytest.mark.usefixtures("quick_retry")
def test_key_03_endpoint_that_is_not_https_stops_the_sign_in(
    visitor: Visitor, instance: Instance, endpoint: str
) -> None:
    instance.change("discovery", lambda document: document.update({endpoint: "http://op.test/id"}))

    assert_start_fails(visitor, instance, code="endpoint_not_https")

    assert {call.endpoint for call in instance.requests} == {"discovery"}


def test_key_03_https_issuer_may_not_name_an_endpoint_in_clear(
    new_visitor: NewVisitor, instance: Instance, configure: Configure, trusted: Trusted
) -> None:
    with run_instance(tls=trusted.context(trusted.certificate())) as secure:
        configure(**secure.settings())
        secure.change(
            "discovery",
            lambda document: document.update(token_endpoint=f"{instance.issuer}/connect/token"),
        )
        visitor = new_visitor()

        assert_start_fails(visitor, secure, code="endpoint_not_https")

    assert instance.requests == []


# Metadata that cannot be had


@pytest.mark.parametrize("fault", [{"status": 500}, {"json": []}, {"drip": 1}], ids=str)
@pytest.mark.usefixtures("quick_retry")
def test_key_04_metadata_that_cannot_be_had_passes(
    visitor: Visitor, instance: Instance, configure: Configure, fault: dict[str, Any]
) -> None:
    visitor.sign_in()
    configure(DEADLINE=0.5)
    instance.always("discovery", **fault)

    with within(2):
        assert_start_fails(visitor, instance)

    instance.heal()
    assert_starts_again(visitor, instance)


@pytest.mark.usefixtures("quick_retry")
def test_key_04_instance_that_is_not_there_yet(
    visitor: Visitor, instance: Instance, configure: Configure
) -> None:
    with run_instance() as gone:
        address = gone.settings()
    configure(**address)

    with within(2):
        assert_start_fails(visitor, instance, code="unreachable")

    port = urlsplit(address["INSTANCE_URL"]).port
    with run_instance(port=port or 0) as back:
        assert_starts_again(visitor, back)


# Too much


class Flood:
    """A body without an end, as far as anybody can tell, that counts what was taken of it."""

    def __init__(self, start: bytes = b'{"a": "', size: int = 200 * MEGABYTE) -> None:
        self.start, self.size, self.sent = start, size, 0

    def __call__(self) -> Iterator[bytes]:
        yield self.start
        while self.sent < self.size:
            self.sent += 65536
            yield b"x" * 65536


def bomb(size: int = 64 * MEGABYTE) -> bytes:
    return gzip.compress(b'{"a": "' + b"x" * size + b'"}', 9)


@contextmanager
def in_memory(megabytes: float) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        _now, peak = tracemalloc.get_traced_memory()
        assert peak < megabytes * MEGABYTE, f"{peak / MEGABYTE:.1f} MB"
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("how", ["flood", "bomb"])
@pytest.mark.parametrize("endpoint", ["discovery", "token", "userinfo"])
@pytest.mark.usefixtures("quick_retry")
def test_key_05_too_large_an_answer_is_cut_off(
    visitor: Visitor, instance: Instance, endpoint: str, how: str
) -> None:
    flood = Flood()
    without_user_type(instance)
    packed = {"body": bomb(), "headers": {"Content-Encoding": "gzip"}}
    instance.always(endpoint, **({"body": flood} if how == "flood" else packed))

    if endpoint == "discovery":
        with within(5), in_memory(10):
            assert_start_fails(visitor, instance)
    else:
        answer = visitor.at(visitor.start())
        before = look(visitor, instance)
        made = {
            "token": {"token_requests": 1},
            "userinfo": {"token_requests": 1, "userinfo_requests": 1},
        }[endpoint]
        with within(5), in_memory(10):
            response = visitor.bring(answer)
        assert_unavailable(visitor, response, before, **made)
    # An answer that the network holds up is taken from the instance all the same.
    assert flood.sent < 20 * MEGABYTE

    instance.heal()
    assert_starts_again(visitor, instance)


def without_user_type(instance: Instance) -> None:
    """Makes the site ask userinfo."""
    instance.change("access_token", lambda token: token.claims.pop("user_type") and None)


@pytest.mark.parametrize("how", ["flood", "bomb"])
def test_key_05_too_large_an_answer_of_the_api_is_cut_off(
    visitor: Visitor, instance: Instance, configure: Configure, settings: Any, how: str
) -> None:
    settings.ROOT_URLCONF = __name__
    configure(API_MAX_BYTES=100_000)
    visitor.sign_in()
    flood = Flood()
    packed = {"body": bomb(), "headers": {"Content-Encoding": "gzip"}}
    instance.next_answer("api", **({"body": flood} if how == "flood" else packed))

    with within(5), in_memory(10):
        told = visitor.get("/call-api").json()

    assert told["code"] == "answer_too_large"
    assert instance.calls("api")[0].headers["Authorization"].split()[1] not in told["text"]
    assert flood.sent < 20 * MEGABYTE
    assert visitor.get("/call-api").json()["bytes"] > 0


def test_key_05_streamed_answer_of_the_api_is_not_bounded(
    visitor: Visitor, instance: Instance, configure: Configure, settings: Any
) -> None:
    settings.ROOT_URLCONF = __name__
    configure(API_MAX_BYTES=100_000)
    visitor.sign_in()
    instance.next_answer("api", body=b"x" * 300_000)

    assert visitor.get("/call-api?stream").json() == {"bytes": 300_000}


# Keys that cannot be had


@pytest.mark.parametrize(
    ("keys", "code"), [([], "unknown_key"), (None, "malformed_key_set")], ids=str
)
def test_key_06_key_set_without_usable_keys_signs_nobody_in(
    visitor: Visitor, instance: Instance, keys: Any, code: str
) -> None:
    answer = visitor.at(visitor.start())
    before = look(visitor, instance)
    instance.always("jwks", json={"keys": keys})

    response = visitor.bring(answer)

    if code == "unknown_key":
        assert_rejected(visitor, response, before, code=code, corrected=answer)
    else:
        assert_unavailable(visitor, response, before, code=code)


@pytest.mark.usefixtures("quick_retry")
def test_key_07_keys_are_fetched_again_after_a_failure(
    visitor: Visitor, instance: Instance
) -> None:
    answer = visitor.at(visitor.start())
    before = look(visitor, instance)
    instance.next_answer("jwks", status=500)

    assert_unavailable(visitor, visitor.bring(answer), before, code="server_error")

    assert_starts_again(visitor, instance)
    assert len(instance.calls("jwks")) == 2


def test_key_09_unknown_keys_are_not_looked_for_again_and_again(
    visitor: Visitor, new_visitor: NewVisitor, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = visitor.at(visitor.start())
    visitor.bring(good)
    before = look(visitor, instance)
    assert len(instance.calls("jwks")) == 1

    def bring_unknown_key() -> None:
        token = Token.parse(good["id_token"], instance.keys.current)
        token.header["kid"] = secrets.token_hex(16)
        state = parse_qs(urlsplit(visitor.start()).query)["state"][0]
        fields = [("state", state), ("code", "some-code"), ("id_token", token.serialize())]
        response = visitor.bring(good, fields)
        assert response.status_code == 400
        assert "(unknown_key)" in response.text

    for _ in range(100):
        bring_unknown_key()
    assert len(instance.calls("jwks")) == 2
    assert visitor.whoami() == before.who
    assert_starts_again(new_visitor(), instance)
    assert len(instance.calls("jwks")) == 2

    # A minute later.
    monkeypatch.setattr(fetched, "RENEWAL_SECONDS", 0.0)
    bring_unknown_key()
    assert len(instance.calls("jwks")) == 3


def test_key_10_two_keys_of_one_name_are_both_tried(visitor: Visitor, instance: Instance) -> None:
    first = dict(new_key().as_dict(private=False), kid=instance.kid)
    instance.change("jwks", lambda document: {"keys": [first, *document["keys"]]})
    before = look(visitor, instance)

    assert_signed_in(visitor, visitor.sign_in(), before)


def test_key_11_redirected_key_set_is_not_followed(visitor: Visitor, instance: Instance) -> None:
    with run_instance(key=instance.keys.current) as other:
        answer = visitor.at(visitor.start())
        before = look(visitor, instance)
        target = f"{other.issuer}/.well-known/openid-configuration/jwks"
        instance.always("jwks", status=302, headers={"Location": target})

        response = visitor.bring(answer)

        assert_unavailable(visitor, response, before, code="unexpected_status")
        assert other.requests == []


def test_key_11_redirected_metadata_is_not_followed(visitor: Visitor, instance: Instance) -> None:
    with run_instance() as other:
        target = f"{other.issuer}/.well-known/openid-configuration"
        instance.always("discovery", status=302, headers={"Location": target})

        assert_start_fails(visitor, instance, code="unexpected_status")

        assert other.requests == []


# TLS


@pytest.mark.parametrize(
    "wrong",
    [{"signed": False}, {"days": (-3, -1)}, {"days": (1, 3)}, {"host": "op.test"}],
    ids=["unknown authority", "expired", "not yet", "other host"],
)
def test_key_12_certificate_that_does_not_hold_is_not_accepted(
    visitor: Visitor,
    instance: Instance,
    configure: Configure,
    trusted: Trusted,
    wrong: dict[str, Any],
) -> None:
    with run_instance(tls=trusted.context(trusted.certificate(**wrong))) as secure:
        configure(**secure.settings())

        assert_start_fails(visitor, secure, code="tls_failed")

        assert secure.requests == []


def test_key_12_certificate_of_a_trusted_authority_is_accepted(
    visitor: Visitor, configure: Configure, trusted: Trusted
) -> None:
    with run_instance(tls=trusted.context(trusted.certificate())) as secure:
        configure(**secure.settings())
        visitor.at_instance.verify = str(trusted.bundle)
        before = look(visitor, secure)

        assert_signed_in(visitor, visitor.sign_in(), before)


# Another instance


def test_key_13_another_instance_is_not_taken_for_the_old_one(
    visitor: Visitor, new_visitor: NewVisitor, instance: Instance, configure: Configure
) -> None:
    visitor.sign_in()
    with run_instance() as other:
        configure(**other.settings())
        instance.forget_requests()
        newcomer = new_visitor()
        FRONT.assert_refused(newcomer, other, lambda token: _signed_by(token, instance))
        # The other instance's maria is somebody else.
        assert_starts_again(newcomer, other, "maria@127.0.0.1")

    assert instance.requests == []
    assert SignIn.objects.filter(account__issuer=instance.issuer).count() == 1
    assert SignIn.objects.filter(account__issuer=other.issuer).count() == 1


def test_key_13_another_instance_gets_no_old_refresh_token(
    visitor: Visitor, instance: Instance, configure: Configure
) -> None:
    instance.access_token_lifetime = 1
    visitor.sign_in()
    with run_instance() as other:
        configure(**other.settings())
        time.sleep(1)

        assert visitor.whoami()["user"] == ""

        assert other.requests == []
    assert SignIn.objects.get().ended is not None


def _signed_by(token: Token, instance: Instance) -> None:
    token.header["kid"] = instance.kid
    token.sign_with = instance.private_key
