"""Signatures of every kind, checked by another library than the one that made them."""

from __future__ import annotations

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from erpnet_instanceid.testing import Token


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512", "PS256", "PS512"])
def test_rsa(key, alg):
    compact = Token({"alg": alg}, {"sub": "a"}, key).serialize()
    public = key.private_key.public_key()
    assert jwt.decode(compact, public, [alg]) == {"sub": "a"}


@pytest.mark.parametrize(("alg", "curve"), [("ES256", ec.SECP256R1()), ("ES512", ec.SECP521R1())])
def test_elliptic_curves(key, alg, curve):
    private = ec.generate_private_key(curve)
    compact = Token({"alg": alg}, {"sub": "a"}, key, sign_with=private).serialize()
    assert jwt.decode(compact, private.public_key(), [alg]) == {"sub": "a"}


def test_edwards_curve(key):
    private = ed25519.Ed25519PrivateKey.generate()
    compact = Token({"alg": "EdDSA"}, {"sub": "a"}, key, sign_with=private).serialize()
    assert jwt.decode(compact, private.public_key(), ["EdDSA"]) == {"sub": "a"}


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_shared_secrets(key, alg):
    secret = b"a secret of at least sixty-four bytes, as the longest hash wants it"
    compact = Token({"alg": alg}, {"sub": "a"}, key, sign_with=secret).serialize()
    assert jwt.decode(compact, secret, [alg]) == {"sub": "a"}


def test_unencoded_payload(key):
    token = Token({"alg": "RS256", "b64": False, "crit": ["b64"]}, {"sub": "a"}, key)
    assert token.serialize().split(".")[1] == '{"sub":"a"}'


def test_replaced_parts_of_the_signing_input(key):
    token = Token({"alg": "RS256"}, {"sub": "a"}, key, header_bytes=b'{"alg":"RS256","alg":"none"}')
    assert token.serialize().startswith("eyJhbGciOiJSUzI1NiIsImFsZyI6Im5vbmUifQ.")
