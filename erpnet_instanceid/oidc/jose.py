"""Signed tokens and key sets. The only module that knows josepy.

josepy uses the key in a token's own header when the caller gives none, decodes base64 leniently
and answers hostile input with half a dozen kinds of exception. So this module calls it for two
things only: to read one key, and to verify one signature with one key of the right type.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NoReturn

from josepy import jwa
from josepy.jwk import JWK

from .errors import InvalidResponse, TokenRejected

MAX_TOKEN_CHARACTERS = 64 * 1024
MAX_KEYS = 64
MIN_RSA_BITS = 2048

# No PS256 and the like: josepy verifies RSASSA-PSS only with the longest possible salt, which no
# issuer uses.
_KEY_TYPES = {
    "RS256": "RSA",
    "RS384": "RSA",
    "RS512": "RSA",
    "ES256": "EC",
    "ES384": "EC",
    "ES512": "EC",
}
_CURVE_BITS = {"ES256": 256, "ES384": 384, "ES512": 521}
ASYMMETRIC_ALGORITHMS = frozenset(_KEY_TYPES)


@dataclass(frozen=True)
class Key:
    """A public key that may verify signatures. RFC 7517 4."""

    kid: str | None
    kty: str
    alg: str | None
    public: Any = field(repr=False)

    def fits(self, algorithm: str) -> bool:
        if self.kty != _KEY_TYPES[algorithm] or self.alg not in (None, algorithm):
            return False
        return self.kty != "EC" or self.public.key_size == _CURVE_BITS[algorithm]


@dataclass(frozen=True)
class SignedToken:
    """The parts of a compact JWS. Its signature is not verified yet."""

    header: Mapping[str, Any]
    algorithm: str
    kid: str | None
    claims: Mapping[str, Any] = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def is_signed_by(self, key: Key) -> bool:
        try:
            algorithm = getattr(jwa, self.algorithm)
            return bool(algorithm.verify(key.public, self.signing_input, self.signature))
        except Exception:  # noqa: BLE001 - josepy lets any exception of its parts through
            return False


def read_token(raw: str, *, algorithms: Sequence[str], types: Iterable[str]) -> SignedToken:
    """The parts of a compact JWS. Checks its form, and not its signature. RFC 7515 5.2.

    ``types`` are the accepted values of the ``typ`` header in lower case; ``""`` accepts a token
    without one. Raises TokenRejected.
    """
    if not isinstance(raw, str) or len(raw) > MAX_TOKEN_CHARACTERS:
        raise TokenRejected("token_too_large")
    segments = raw.split(".")
    if len(segments) != 3:
        raise TokenRejected("malformed_token", segments=len(segments))
    header = _read_object(segments[0], part="header")
    algorithm = _check_algorithm(header, algorithms)
    _check_no_extension(header)
    _check_type(header, types)
    kid = header.get("kid")
    if "kid" in header and not isinstance(kid, str):
        raise TokenRejected("malformed_token", part="kid")
    return SignedToken(
        header=header,
        algorithm=algorithm,
        kid=kid,
        claims=_read_object(segments[1], part="payload"),
        signing_input=f"{segments[0]}.{segments[1]}".encode("ascii"),
        signature=_decode_segment(segments[2], part="signature"),
    )


def _check_algorithm(header: Mapping[str, Any], algorithms: Sequence[str]) -> str:
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise TokenRejected("algorithm_refused", expected=list(algorithms))
    if algorithm not in ASYMMETRIC_ALGORITHMS:
        raise TokenRejected("algorithm_refused", expected=sorted(ASYMMETRIC_ALGORITHMS))
    return algorithm


def _check_no_extension(header: Mapping[str, Any]) -> None:
    # RFC 7515 4.1.11: a token is invalid when it names an extension that its reader does not
    # know. We know none.
    for name in ("crit", "b64"):
        if name in header:
            raise TokenRejected("unknown_extension", header=name)


def _check_type(header: Mapping[str, Any], types: Iterable[str]) -> None:
    # RFC 8725 3.11: one kind of token must not be accepted as another kind.
    kind = header.get("typ", "")
    if not isinstance(kind, str) or kind.lower() not in types:
        raise TokenRejected("wrong_token_type", expected=sorted(types))


def _read_object(segment: str, *, part: str) -> Mapping[str, Any]:
    try:
        value = read_json(_decode_segment(segment, part=part))
    except ValueError:
        raise TokenRejected("malformed_token", part=part) from None
    if not isinstance(value, dict):
        raise TokenRejected("malformed_token", part=part)
    return MappingProxyType(value)


def _decode_segment(segment: str, *, part: str) -> bytes:
    data = decode_base64url(segment)
    if data is None:
        raise TokenRejected("malformed_token", part=part)
    return data


def decode_base64url(text: object) -> bytes | None:
    """The bytes of an unpadded base64url text, None for any other value. RFC 7515 2."""
    if not isinstance(text, str) or not text:
        return None
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    # The decoder skips other characters, and drops unused bits. Each value has only one spelling.
    return data if encode_base64url(data) == text else None


def encode_base64url(data: bytes) -> str:
    """Unpadded base64url. RFC 7515 2."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def read_json(data: bytes) -> Any:
    """The JSON value in ``data``. Raises ValueError, also where an object has a name twice.

    One reader takes the first of the two values, another reader the last.
    """
    try:
        return _DECODER.decode(data.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object has a name twice")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# json.loads() would make one for each call.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique_members, parse_constant=_no_constant)


def read_key_set(document: object) -> tuple[Key, ...]:
    """The keys of a JWK Set that we can use. Other keys are left out. RFC 7517 5.

    Raises InvalidResponse where ``document`` is not a key set.
    """
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        raise InvalidResponse("malformed_key_set")
    return tuple(key for key in map(_read_key, keys[:MAX_KEYS]) if key is not None)


def _may_verify(jwk: Mapping[str, Any]) -> bool:
    """Whether the issuer allows the key for signatures. RFC 7517 4.2, 4.3."""
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
    )


def _read_key(jwk: object) -> Key | None:
    if not isinstance(jwk, dict) or not _may_verify(jwk):
        return None
    kid, alg, kty = jwk.get("kid"), jwk.get("alg"), jwk.get("kty")
    if not isinstance(kid, str | None) or not isinstance(alg, str | None):
        return None
    members = {"RSA": ("n", "e"), "EC": ("x", "y")}.get(kty) if isinstance(kty, str) else None
    if members is None or any(decode_base64url(jwk.get(name)) is None for name in members):
        return None
    try:
        # Only public members: a key set must not hold private ones, and we want none in memory.
        read: Any = JWK.from_json(
            {name: jwk[name] for name in ("kty", "crv", *members) if name in jwk}
        )
    except Exception:  # noqa: BLE001 - one bad key must not take the good ones with it
        return None
    if kty == "RSA" and not _is_strong_rsa(read.key):
        return None
    return Key(kid=kid, kty=str(kty), alg=alg, public=read.key)


def _is_strong_rsa(public: Any) -> bool:
    # RFC 7518 3.3 sets the length. RSA needs an odd modulus and exponent, and with an exponent of
    # 1 everybody can sign.
    numbers = public.public_numbers()
    odd = numbers.n % 2 == 1 and numbers.e % 2 == 1
    return bool(odd and numbers.e >= 3 and public.key_size >= MIN_RSA_BITS)
