"""Tokens that a test changes before they are signed."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from joserfc.jwk import RSAKey

from .encoding import b64url, b64url_decode

_HASHES: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}

SigningKey = (
    RSAKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | bytes
)


@dataclass
class Token:
    """A token about to be signed. A test changes `header` and `claims` in place.

    Its other fields::

        sign_with   another key: RSA, EC or Ed25519 private key, or bytes for an HMAC
        payload, header_bytes
                    bytes to sign instead of the claims or the header, for text that is not JSON
        signature   bytes to send instead of a signature (`b""` for none)
        raw         the whole compact token, sent as it is
    """

    header: dict[str, Any]
    claims: dict[str, Any]
    key: SigningKey
    sign_with: SigningKey | None = None
    payload: bytes | None = None
    header_bytes: bytes | None = None
    signature: bytes | None = None
    raw: str | None = None

    @classmethod
    def parse(cls, compact: str, key: SigningKey) -> Token:
        header, claims, _ = compact.split(".")
        return cls(json.loads(b64url_decode(header)), json.loads(b64url_decode(claims)), key)

    def serialize(self) -> str:
        """The compact token, signed as `alg` says. An unknown `alg` is signed like RS256."""
        if self.raw is not None:
            return self.raw
        payload = self.payload
        if payload is None:
            payload = json.dumps(self.claims, separators=(",", ":")).encode()
        header = self.header_bytes
        if header is None:
            header = json.dumps(self.header, separators=(",", ":")).encode()
        # RFC 7797: an unencoded payload is signed and sent as it is.
        body = payload.decode() if self.header.get("b64") is False else b64url(payload)
        signing_input = f"{b64url(header)}.{body}"
        signature = self.signature
        if signature is None:
            key = self.key if self.sign_with is None else self.sign_with
            signature = sign(signing_input.encode(), self.header.get("alg"), key)
        return f"{signing_input}.{b64url(signature)}"


def sign(data: bytes, alg: object, key: SigningKey) -> bytes:
    """A signature by `key`, of the kind that `alg` names if the key can make it."""
    name = alg if isinstance(alg, str) else ""
    if name.lower() == "none":
        return b""
    digest = _HASHES.get(name[2:5], hashes.SHA256)()
    if isinstance(key, bytes):
        return hmac.new(key, data, getattr(hashlib, digest.name)).digest()
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
        size = (key.curve.key_size + 7) // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    private = key.private_key if isinstance(key, RSAKey) else key
    if not isinstance(private, rsa.RSAPrivateKey):
        raise TypeError("this RSA key has no private part")
    if name.startswith("PS"):
        pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
        return private.sign(data, pss, digest)
    return private.sign(data, padding.PKCS1v15(), digest)
