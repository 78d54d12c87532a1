"""Faults and changes on request."""

import time

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from erpnet_instanceid.testing import Token


def get_jwks(instance, timeout=5):
    url = f"{instance.issuer}/.well-known/openid-configuration/jwks"
    return requests.get(url, timeout=timeout)


def test_replaced_answer_may_come_after_the_work(instance, party):
    token = party.sign_in()["refresh_token"]
    instance.next_token_answer(status=503, work=True)
    assert party.refresh(token).status_code == 503
    assert party.refresh(token).json()["error"] == "invalid_grant"


def test_fault_may_wait_for_a_grant_type(instance, party):
    instance.next_token_answer(status=503, grant_type="refresh_token")
    tokens = party.sign_in()
    assert party.refresh(tokens["refresh_token"]).status_code == 503
    assert party.refresh(tokens["refresh_token"]).status_code == 200


def test_token_is_signed_on_a_curve(key):
    """Checked by another library than the one that signs."""
    curve, edwards = ec.generate_private_key(ec.SECP521R1()), ed25519.Ed25519PrivateKey.generate()
    for alg, private in [("ES512", curve), ("EdDSA", edwards)]:
        compact = Token({"alg": alg}, {"sub": "a"}, key, sign_with=private).serialize()
        assert jwt.decode(compact, private.public_key(), [alg]) == {"sub": "a"}


def test_answer_may_be_cut_short(instance):
    instance.next_answer("jwks", body=b'{"keys"', headers={"Content-Length": "100"})
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get_jwks(instance)


def test_drip_sends_byte_by_byte(instance):
    instance.next_answer("jwks", body=b"0123456789", drip=50)
    started = time.monotonic()
    assert get_jwks(instance).content == b"0123456789"
    assert time.monotonic() - started >= 0.15


@pytest.mark.parametrize("alg", [None, 1, ["RS256"], {}, "none", "HS256", "RS256"])
def test_hostile_access_tokens_are_refused(instance, party, alg):
    def forge(token):
        token.header.update(alg=alg, kid=[], crit=None)
        token.sign_with = b"x"

    instance.change("access_token", forge)
    assert party.get("/profile/me", party.sign_in()["access_token"]).status_code == 401


def test_body_may_be_generated_while_it_is_sent(instance):
    instance.next_answer("jwks", body=lambda: (b"x" * 1000 for _ in range(1000)))
    assert len(get_jwks(instance).content) == 1_000_000


def test_unknown_endpoint_or_target_raises(instance):
    with pytest.raises(ValueError, match="no such endpoint"):
        instance.next_answer("tokens", status=500)
    with pytest.raises(ValueError, match="no such target"):
        instance.change("frontend", print)


def test_requests_are_recorded_as_they_arrived(instance, party):
    party.sign_in()
    (call,) = instance.calls("token")
    assert call.method == "POST"
    assert call["grant_type"] == "authorization_code"
    assert call.get("missing") is None
    assert call.query == []
    assert "Authorization" not in call.headers
    assert b"code_verifier" in call.body
    assert [r.endpoint for r in instance.requests] == ["authorize", "sign_in", "token"]
    assert len(instance.wait_for_calls("token", 1)) == 1
    with pytest.raises(TimeoutError):
        instance.wait_for_calls("token", 2, timeout=0.05)
    instance.forget_requests()
    assert instance.requests == []


def test_reset_forgets_everything_but_address_and_key(instance, party):
    kid = instance.kid
    token = party.sign_in("maria")["refresh_token"]
    instance.access_token_lifetime = 5
    instance.register(secret="other")
    instance.always("token", status=500)
    instance.reset()
    assert instance.kid == kid
    assert instance.access_token_lifetime == 3600
    assert not instance.has_session("maria")
    assert party.refresh(token).json()["error"] == "invalid_grant"
    assert party.sign_in()["access_token"]
