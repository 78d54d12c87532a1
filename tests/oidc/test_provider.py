"""Metadata and keys: fetched once for many, kept while they may be, over real HTTP."""

import base64
import gc
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from erpnet_instanceid.oidc import provider as provider_module
from erpnet_instanceid.oidc.errors import InstanceUnavailable, InvalidResponse, TokenRejected
from erpnet_instanceid.oidc.http import Limits
from erpnet_instanceid.oidc.jose import encode_base64url
from erpnet_instanceid.oidc.provider import Provider, is_safe_address, read_metadata
from erpnet_instanceid.testing import Token, new_key, run_instance

HOUR, DAY = 3600.0, 24 * 3600.0
WEEK = 7 * DAY
DOCUMENT = {
    "issuer": "https://op.test/id",
    "authorization_endpoint": "https://op.test/a",
    "token_endpoint": "https://op.test/t",
    "jwks_uri": "https://op.test/k",
}


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def provider(instance, clock):
    return Provider(instance.issuer, Limits(deadline=5), clock)


def signed(instance, key=None, **header):
    """A token signed by the instance's current key, or by another one."""
    known = {"alg": "RS256", "kid": instance.kid, **header}
    sent = {name: value for name, value in known.items() if value is not ...}
    return Token(sent, {"sub": "maria"}, key or instance.keys.current).serialize()


def verify(provider, token):
    return provider.verify(token, algorithms=["RS256"], types={""}).claims["sub"]


def refusal(provider, token):
    with pytest.raises(TokenRejected) as caught:
        verify(provider, token)
    return caught.value.code


def failure(provider):
    """The code of the error, where metadata cannot be had."""
    with pytest.raises((InvalidResponse, InstanceUnavailable)) as caught:
        provider.metadata()
    return caught.value.code


def at_once(count, work):
    """The results of so many threads."""
    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(work) for _ in range(count)]]


def discoveries(instance):
    return len(instance.calls("discovery"))


def test_issuer_that_ends_in_a_slash_is_asked_without_it(instance):
    """OpenID Connect Discovery 4; it is still compared with it."""
    issuer = instance.issuer + "/"
    instance.change("discovery", lambda found: found.update(issuer=issuer))

    assert Provider(issuer, Limits(deadline=5)).metadata().issuer == issuer

    assert [call.path for call in instance.calls("discovery")] == [
        "/id/.well-known/openid-configuration"
    ]


@pytest.mark.parametrize("fault", [{"status": 500}, {"json": {}}])
def test_stale_metadata_serves_for_a_week(instance, provider, clock, caplog, fault):
    first = provider.metadata()
    instance.always("discovery", **fault)

    clock.now += DAY + 1
    assert provider.metadata() is first
    assert discoveries(instance) == 2
    assert "instance_stale" in caplog.text
    # Not asked again at every request.
    clock.now += 4
    assert provider.metadata() is first
    assert discoveries(instance) == 2
    clock.now += 2
    assert provider.metadata() is first
    assert discoveries(instance) == 3

    clock.now += WEEK - DAY - 8
    assert provider.metadata() is first
    clock.now += 6
    assert failure(provider) in ("server_error", "issuer_mismatch")

    instance.heal()
    clock.now += 6
    assert provider.metadata() is not first


def test_nobody_queues_while_stale_metadata_is_fetched_anew(instance, provider, clock):
    first = provider.metadata()
    clock.now += DAY + 1
    instance.next_answer("discovery", hold=1)

    with ThreadPoolExecutor(1) as pool:
        fetching = pool.submit(provider.metadata)
        instance.wait_for_calls("discovery", 2)
        started = time.monotonic()
        assert at_once(10, provider.metadata) == [first] * 10
        assert time.monotonic() - started < 0.5
        assert fetching.result() is not first
    assert discoveries(instance) == 2


def test_failed_first_fetch_is_tried_again_after_five_seconds(instance, provider, clock):
    """Counted from its end: else each of those who wait would wait as long, one after the other."""

    def slowly():
        clock.now += 10
        yield b""

    instance.next_answer("discovery", status=500, body=slowly)

    for seconds in (0, 2, 2.9):
        clock.now += seconds
        assert failure(provider) == "server_error"
    assert discoveries(instance) == 1

    clock.now += 0.2
    assert provider.metadata().issuer == instance.issuer
    assert discoveries(instance) == 2


def test_failed_fetch_holds_on_to_no_caller(instance, provider):
    """A request's variables may be secrets, and end with the request."""

    class Held:
        pass

    def ask():
        held = Held()
        assert failure(provider) == "server_error"
        return weakref.ref(held)

    instance.next_answer("discovery", status=500)

    held = ask()
    gc.collect()

    assert held() is None


def test_clock_that_is_set_back_holds_nothing_up(instance, monkeypatch):
    monkeypatch.setattr(provider_module, "RETRY_SECONDS", 0.05)
    provider = Provider(instance.issuer, Limits(deadline=5))
    instance.next_answer("discovery", status=500)
    assert failure(provider) == "server_error"

    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - HOUR)
    time.sleep(0.1)

    assert provider.metadata().issuer == instance.issuer


def test_key_01_03_metadata_is_refused_for_what_is_wrong():
    def code(**changes):
        document = {k: v for k, v in {**DOCUMENT, **changes}.items() if v is not ...}
        with pytest.raises(InvalidResponse) as caught:
            read_metadata(document, issuer="https://op.test/id")
        assert len(str(caught.value)) < 500
        return caught.value.code

    read = read_metadata(DOCUMENT, issuer="https://op.test/id")
    assert (read.userinfo_endpoint, read.end_session_endpoint) == (None, None)
    right = DOCUMENT["issuer"]
    texts = [right + "INVALID", right + "/", right.upper(), right.replace("https", "http")]
    for issuer in [*texts, "x" * 100_000, None, [right], ...]:
        assert code(issuer=issuer) == "issuer_mismatch"
    for endpoint in ["authorization_endpoint", "token_endpoint", "jwks_uri"]:
        assert code(**{endpoint: ...}) == code(**{endpoint: None}) == "endpoint_missing"
    # Plain http is for an instance on this machine, and not beside an issuer with https.
    plain = ["http://127.0.0.1/t", "http://op.test/id", "//op.test/t", "/id/connect/token"]
    schemes = ["file:///etc/passwd", "ftp://op.test/", "data:text/plain,{}"]
    for url in [*plain, *schemes, "", 5, [right]]:
        for endpoint in ["token_endpoint", "jwks_uri", "end_session_endpoint"]:
            assert code(**{endpoint: url}) == "endpoint_not_https", url


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"status": 404, "body": "no"}, "unexpected_status"),
        ({"status": 301, "headers": {"Location": "/"}}, "unexpected_status"),
        ({"body": "<html>maintenance</html>"}, "not_json"),
        ({"json": []}, "not_a_json_object"),
        ({"status": 429}, "server_error"),
        ({"drop": "after"}, "connection_lost"),
    ],
    ids=str,
)
def test_key_04_answer_that_cannot_be_used(instance, fault, code):
    for endpoint in ["discovery", "jwks"]:
        instance.next_answer(endpoint, **fault)
        with pytest.raises((InvalidResponse, InstanceUnavailable)) as caught:
            verify(Provider(instance.issuer, Limits(deadline=5)), signed(instance))
        assert caught.value.code == code


def test_issuer_parameter_is_promised_by_true_alone():
    """RFC 9207 3; else an answer without it would be refused."""
    assert not read_metadata(DOCUMENT, issuer="https://op.test/id").names_issuer
    for told in [True, False, "false", 1]:
        document = {**DOCUMENT, "authorization_response_iss_parameter_supported": told}
        assert read_metadata(document, issuer="https://op.test/id").names_issuer is (told is True)


def test_safe_address_is_https_or_of_this_machine():
    here = ["http://127.0.0.1:5000/id", "http://localhost/id", "http://[::1]:5000/id"]
    for url in [*here, "https://op.test", "https://op.test:8443/id"]:
        assert is_safe_address(url), url
    plain = ["http://op.test", "http://127.0.0.1.evil.test", "http://localhost@evil.test"]
    odd = ["https://user:pw@op.test", "https://op.test/#x", "https://op.test/ x", "https://a/\nx"]
    cut = ["https://", "https://op.test:port", "https://[op.test", "//op.test", "op.test", ""]
    for url in [*plain, *odd, *cut, "file:///etc/passwd", None, 5]:
        assert not is_safe_address(url), url


def test_keys_are_fetched_once_for_many_threads(instance, provider, clock):
    instance.always("jwks", hold=0.2)
    first = signed(instance)
    assert at_once(20, lambda: verify(provider, first)) == ["maria"] * 20
    clock.now += DAY - 1
    assert verify(provider, first) == "maria"
    assert len(instance.calls("jwks")) == 1

    instance.rotate_keys()
    of_unknown_key = signed(instance)
    assert at_once(20, lambda: verify(provider, of_unknown_key)) == ["maria"] * 20
    assert len(instance.calls("jwks")) == 2


def test_key_09_unknown_key_is_looked_for_once_a_minute(instance, provider, clock):
    def is_looked_for():
        with pytest.raises(TokenRejected, match="unknown_key") as caught:
            verify(provider, signed(instance, kid="made up"))
        return caught.value.facts["looked_for"]

    verify(provider, signed(instance))
    for seconds in range(0, 60, 6):
        assert is_looked_for() is (seconds == 0)
        clock.now += 6
    assert len(instance.calls("jwks")) == 2
    # A good token still passes.
    assert verify(provider, signed(instance)) == "maria"

    clock.now += 1
    assert is_looked_for()
    assert len(instance.calls("jwks")) == 3


def test_failed_fetch_of_keys_loses_no_good_key(instance, provider, clock):
    good = signed(instance)
    verify(provider, good)
    instance.next_answer("jwks", status=500)
    with pytest.raises(InstanceUnavailable):
        verify(provider, signed(instance, kid="made up"))
    assert verify(provider, good) == "maria"

    # Nor does one of stale keys, after which an unknown key is looked for all the same.
    clock.now += DAY + 1
    instance.next_answer("jwks", status=500)
    assert verify(provider, good) == "maria"
    instance.rotate_keys()
    assert verify(provider, signed(instance)) == "maria"


def test_forgery_in_the_name_of_a_known_key_asks_nobody(instance, provider):
    verify(provider, signed(instance))

    assert refusal(provider, signed(instance, new_key())) == "bad_signature"
    assert len(instance.calls("jwks")) == 1


def test_nameless_token_may_be_of_a_newer_key(instance, provider):
    instance.change("jwks", lambda found: [key.pop("kid") for key in found["keys"]] and None)
    verify(provider, signed(instance))
    instance.rotate_keys()
    token = signed(instance, kid=...)

    assert verify(provider, token) == "maria"
    assert len(instance.calls("jwks")) == 2
    # Not looked for again within a minute: it may be good, for all that is known.
    assert refusal(provider, signed(instance, new_key(), kid=...)) == "unknown_key"
    assert len(instance.calls("jwks")) == 2


UNUSABLE_KEYS = [
    {"kty": "AKP", "alg": "ML-DSA-9999", "kid": "future", "pub": "AAAA"},
    {"kty": "XYZ", "kid": "made-up"},
    {"kty": "RSA", "kid": "no-modulus", "e": "AQAB"},
    {"kty": "RSA", "kid": "no-base64", "n": "!!!", "e": "AQAB"},
]


@pytest.mark.parametrize("token_is_named", [True, False])
@pytest.mark.parametrize(
    "published",
    [
        pytest.param(lambda key, other: [{**key, "kid": None}], id="pos_10 nameless"),
        pytest.param(
            lambda key, other: [{**other, "kid": None}, {**key, "kid": None}], id="pos_11 two"
        ),
        pytest.param(lambda key, other: [*UNUSABLE_KEYS, key], id="pos_12 unusable first"),
        pytest.param(lambda key, other: [key, *UNUSABLE_KEYS], id="pos_12 unusable last"),
        pytest.param(lambda key, other: [{**other, "kid": key["kid"]}, key], id="key_10 one name"),
    ],
)
def test_right_key_is_found_in_an_odd_key_set(instance, provider, published, token_is_named):
    """Where the issuer gives a key no name, a token's name for it says nothing."""
    other = dict(new_key().as_dict(private=False))

    def publish(found):
        keys = published(*found["keys"], other)
        found["keys"] = [{n: v for n, v in key.items() if v is not None} for key in keys]

    instance.change("jwks", publish)
    kid = instance.kid if token_is_named else ...
    assert verify(provider, signed(instance, kid=kid)) == "maria"
    assert refusal(provider, signed(instance, new_key())) == "bad_signature"


@pytest.mark.parametrize("others", [63, 64])
def test_of_very_many_keys_the_first_ones_count(instance, provider, others):
    """Each costs time to read, and a token without a name is tried with all of them."""

    def publish(found):
        (key,) = found["keys"]
        found["keys"] = [*({**key, "kid": str(number)} for number in range(others)), key]

    instance.change("jwks", publish)

    if others < 64:
        assert verify(provider, signed(instance)) == "maria"
    else:
        assert refusal(provider, signed(instance)) == "unknown_key"


def signature_of(token):
    return base64.urlsafe_b64decode(token.rpartition(".")[2] + "==")


def test_sig_01_altered_signature_is_refused(instance, provider):
    right = signed(instance)
    data, good = right.rpartition(".")[0], signature_of(right)
    flipped = [bytes([good[0] ^ 1]) + good[1:], good[:-1] + bytes([good[-1] ^ 0x80])]
    resized = [good[:-1], good + b"\0", b"\0" + good, b"x"]
    others = [bytes(len(good)), good[::-1], signature_of(signed(instance, typ="JWT"))]
    for wrong in [*flipped, *resized, *others]:
        assert refusal(provider, f"{data}.{encode_base64url(wrong)}") == "bad_signature"
    assert verify(provider, right) == "maria"


@pytest.mark.parametrize("kid", ["the instance's", "another", ...], ids=str)
def test_sig_06_07_key_that_a_token_brings_is_not_used(instance, provider, kid):
    """Neither one in its header nor one at an address that it names."""
    own = new_key()
    named = {"the instance's": instance.kid}.get(kid, kid)
    with run_instance(key=own) as elsewhere:
        address = f"{elsewhere.issuer}/.well-known/openid-configuration/jwks"
        jwk = {**own.as_dict(private=False), "kid": str(kid)}
        for brought in [{"jwk": jwk}, {"jku": address}, {"x5u": address}, {"x5c": ["MIIB"]}]:
            token = signed(instance, own, kid=named, **brought)
            assert refusal(provider, token) in ("bad_signature", "unknown_key")
        assert elsewhere.requests == []


def test_sig_08_kid_that_names_no_key_is_refused(instance, provider):
    for kid in ["../../etc/passwd", "/dev/null", "' OR 1=1--", "a\0b", "\ud800", "", 40_000 * "k"]:
        assert refusal(provider, signed(instance, kid=kid)) == "unknown_key", kid[:9]
    assert refusal(provider, signed(instance, kid=100_000 * "k")) == "token_too_large"


def test_sig_14_key_for_another_algorithm_is_not_used(instance, provider):
    """Core 10.1.1; its signature would hold."""
    other = new_key()
    published = {**other.as_dict(private=False), "kid": "other", "alg": "RS512"}
    instance.change("jwks", lambda found: found["keys"].append(published))

    assert refusal(provider, signed(instance, other, kid="other")) == "bad_signature"
    assert verify(provider, signed(instance)) == "maria"


def test_sig_21_malformed_token_asks_nobody(instance, provider):
    unsigned, of_a_notice = signed(instance, alg="none"), signed(instance, typ="logout+jwt")
    for raw in ("", "a.b.c", "a" * 5_000_000, unsigned, of_a_notice):
        with pytest.raises(TokenRejected):
            verify(provider, raw)

    assert instance.requests == []
