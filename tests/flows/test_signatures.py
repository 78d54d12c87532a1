"""Rows SIG of the cases: what is signed, by whom, and in which form.

Each forgery is tried at every place where a token comes in: beside the code, from the token
endpoint, and as a logout token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from erpnet_instanceid.oidc.jose import read_key_set
from erpnet_instanceid.testing import Instance, Token

from ..support.forging import MISSING, Forge, claims, header, named, several
from ..support.outcomes import (
    FRONT,
    LOGOUT,
    TOKEN_ENDPOINT,
    Place,
    assert_notice_refused,
    assert_rejected,
    assert_signed_in,
    assert_unavailable,
    everywhere,
    look,
    within,
)
from ..support.visitor import Visitor

MEGABYTE = 1024 * 1024


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64_number(number: int) -> str:
    return b64(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def jwk_of(key: rsa.RSAPublicKey, **members: Any) -> dict[str, Any]:
    numbers = key.public_numbers()
    return {"kty": "RSA", "n": b64_number(numbers.n), "e": b64_number(numbers.e), **members}


@pytest.fixture(scope="module")
def attacker() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def signed_by(key: Any) -> Forge:
    return lambda token: setattr(token, "sign_with", key)


def signature(change: Callable[[bytes], bytes]) -> Forge:
    """Changes the right signature."""

    def forge(token: Token) -> None:
        right = token.serialize().rpartition(".")[2]
        token.signature = change(base64.urlsafe_b64decode(right + "=="))

    return forge


def whole(change: Callable[[str], str]) -> Forge:
    """Changes the right token, as it is written."""
    return lambda token: change(token.serialize())


# Signatures


@everywhere
@pytest.mark.parametrize(
    "change",
    [
        lambda right: bytes([right[0] ^ 1]) + right[1:],
        lambda right: right[:-1] + bytes([right[-1] ^ 0x80]),
        lambda right: right[:-1],
        lambda right: right + b"\0",
        lambda right: b"\0" + right,
        lambda right: bytes(len(right)),
        lambda right: right[::-1],
        lambda right: secrets.token_bytes(len(right)),
        lambda right: b"x",
    ],
    ids=[
        "first bit",
        "last byte",
        "shorter",
        "longer",
        "leading zero",
        "zeros",
        "reversed",
        "random",
        "one byte",
    ],
)
def test_sig_01_altered_signature_is_refused(
    visitor: Visitor, instance: Instance, place: Place, change: Callable[[bytes], bytes]
) -> None:
    place.assert_refused(visitor, instance, signature(change), code="bad_signature")


@everywhere
def test_sig_01_signature_of_another_token_is_refused(
    visitor: Visitor, instance: Instance, place: Place
) -> None:
    def forge(token: Token) -> None:
        signature(lambda right: right)(token)
        token.claims["jti"] = "another"

    place.assert_refused(visitor, instance, forge, code="bad_signature")


@everywhere
def test_sig_01_signature_with_loose_bits_is_refused(
    visitor: Visitor, instance: Instance, place: Place
) -> None:
    # 256 bytes leave four bits of the last character unused: set, they decode to the same bytes.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    def change(token: str) -> str:
        last = alphabet.index(token[-1])
        assert last % 16 == 0
        return token[:-1] + alphabet[last + 1]

    place.assert_refused(visitor, instance, whole(change), code="malformed_token")


@everywhere
@pytest.mark.parametrize("keep_signature", [False, True], ids=["no signature", "the right one"])
@pytest.mark.parametrize("kid", [MISSING, lambda right: right], ids=["no kid", "kid"])
def test_sig_02_token_that_says_it_is_not_signed_is_refused(
    visitor: Visitor, instance: Instance, place: Place, keep_signature: bool, kid: Any
) -> None:
    def forge(token: Token) -> None:
        if keep_signature:
            signature(lambda right: right)(token)
        header(alg="none", kid=kid)(token)

    place.assert_refused(visitor, instance, forge, code="algorithm_refused")


@everywhere
@pytest.mark.parametrize(
    "alg",
    [
        "None",
        "NONE",
        "nOnE",
        "",
        None,
        MISSING,
        1,
        True,
        ["RS256"],
        {"a": 1},
        "rs256",
        "RS256 ",
        "RS257",
        "RS384",
        "PS256",
        "ES256",
        "EdDSA",
        "RS256\0",
    ],
    ids=named,
)
def test_sig_03_other_algorithm_is_refused(
    visitor: Visitor, instance: Instance, place: Place, alg: Any
) -> None:
    def forge(token: Token) -> None:
        header(alg=alg)(token)
        if isinstance(alg, str) and alg.lower() == "none":
            token.signature = b"x"

    place.assert_refused(visitor, instance, forge, code="algorithm_refused")


@everywhere
@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_sig_04_client_secret_as_key_is_refused(
    visitor: Visitor, instance: Instance, place: Place, alg: str
) -> None:
    key = instance.application_secret.encode()
    place.assert_refused(
        visitor, instance, several(header(alg=alg), signed_by(key)), code="algorithm_refused"
    )


PUBLIC = serialization.PublicFormat
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
PUBLIC_TEXTS: dict[str, Callable[[rsa.RSAPublicKey], bytes]] = {
    "SPKI": lambda key: key.public_bytes(PEM, PUBLIC.SubjectPublicKeyInfo),
    "SPKI, no newline": lambda key: key.public_bytes(PEM, PUBLIC.SubjectPublicKeyInfo).strip(),
    "PKCS1": lambda key: key.public_bytes(PEM, PUBLIC.PKCS1),
    "PKCS1, no newline": lambda key: key.public_bytes(PEM, PUBLIC.PKCS1).strip(),
    "SPKI DER": lambda key: key.public_bytes(DER, PUBLIC.SubjectPublicKeyInfo),
    "PKCS1 DER": lambda key: key.public_bytes(DER, PUBLIC.PKCS1),
    "JWK": lambda key: json.dumps(jwk_of(key)).encode(),
    "n": lambda key: base64.urlsafe_b64decode(jwk_of(key)["n"] + "=="),
    "n, as written": lambda key: jwk_of(key)["n"].encode(),
    "empty": lambda key: b"",
}


@everywhere
@pytest.mark.parametrize("encode", PUBLIC_TEXTS.values(), ids=PUBLIC_TEXTS.keys())
def test_sig_05_public_key_as_shared_secret_is_refused(
    visitor: Visitor,
    instance: Instance,
    place: Place,
    encode: Callable[[rsa.RSAPublicKey], bytes],
) -> None:
    key = encode(instance.private_key.public_key())
    forge = several(header(alg="HS256"), signed_by(key))
    place.assert_refused(visitor, instance, forge, code="algorithm_refused")


@everywhere
def test_sig_05_empty_file_as_shared_secret_is_refused(
    visitor: Visitor, instance: Instance, place: Place
) -> None:
    forge = several(header(alg="HS256", kid="../../dev/null"), signed_by(b""))
    place.assert_refused(visitor, instance, forge, code="algorithm_refused")


@everywhere
def test_sig_05_shared_secret_is_refused_though_the_settings_allow_it(
    visitor: Visitor, instance: Instance, place: Place, configure: Callable[..., None]
) -> None:
    configure(SIGNING_ALGORITHMS=["RS256", "HS256", "none"])
    for forge in (
        several(header(alg="HS256"), signed_by(instance.application_secret.encode())),
        header(alg="none"),
    ):
        place.assert_refused(visitor, instance, forge)


# Keys that the token brings, or names


KIDS = pytest.mark.parametrize(
    "kid",
    [lambda right: right, MISSING, "another"],
    ids=["the instance's kid", "no kid", "unknown kid"],
)


@everywhere
@KIDS
def test_sig_06_key_in_the_header_is_not_used(
    visitor: Visitor, instance: Instance, place: Place, attacker: rsa.RSAPrivateKey, kid: Any
) -> None:
    own = jwk_of(attacker.public_key(), alg="RS256", use="sig")
    if isinstance(kid, str):
        own["kid"] = kid
    place.assert_refused(visitor, instance, several(header(jwk=own, kid=kid), signed_by(attacker)))


@pytest.fixture
def elsewhere(attacker: rsa.RSAPrivateKey) -> Iterator[tuple[str, list[str]]]:
    """A server of the attacker's with the attacker's keys, and the paths that were asked for."""
    asked: list[str] = []
    document = json.dumps({"keys": [jwk_of(attacker.public_key(), kid="evil")]}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def certificate(key: rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "op.test")])
    now = datetime.now(timezone.utc)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(built.public_bytes(DER)).decode()


@everywhere
@KIDS
@pytest.mark.parametrize("member", ["jku", "x5u"])
def test_sig_07_key_elsewhere_is_not_fetched(
    visitor: Visitor,
    instance: Instance,
    place: Place,
    attacker: rsa.RSAPrivateKey,
    elsewhere: tuple[str, list[str]],
    member: str,
    kid: Any,
) -> None:
    url, asked = elsewhere
    if kid == "another":
        kid = "evil"
    forge = several(header(kid=kid, **{member: f"{url}/jwks"}), signed_by(attacker))
    place.assert_refused(visitor, instance, forge)
    assert asked == []


@everywhere
@KIDS
def test_sig_07_certificate_in_the_header_is_not_used(
    visitor: Visitor, instance: Instance, place: Place, attacker: rsa.RSAPrivateKey, kid: Any
) -> None:
    # In full it would not fit a form with the rest: what counts is that its key is not taken.
    forge = several(header(kid=kid, x5c=[certificate(attacker)]), signed_by(attacker))
    place.assert_refused(visitor, instance, forge)


@everywhere
@pytest.mark.parametrize(
    ("kid", "code"),
    [
        ("../../etc/passwd", "unknown_key"),
        ("/dev/null", "unknown_key"),
        ("' OR 1=1--", "unknown_key"),
        ("a\0b", "unknown_key"),
        ("\ud800", "unknown_key"),
        ("", "unknown_key"),
        ("k" * 40_000, "unknown_key"),
        ("k" * 100_000, None),
        (7, "malformed_token"),
        (True, "malformed_token"),
        ([], "malformed_token"),
        ({}, "malformed_token"),
        (None, "malformed_token"),
    ],
    ids=named,
)
def test_sig_08_kid_that_names_no_key_is_refused(
    visitor: Visitor, instance: Instance, place: Place, kid: Any, code: str | None
) -> None:
    place.assert_refused(visitor, instance, header(kid=kid), code=code)


# What must be understood


@everywhere
@pytest.mark.parametrize(
    "members",
    [
        {"crit": ["http://example.test/ext"], "http://example.test/ext": 1},
        {"crit": ["exp"], "exp": 9999999999},
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": "b64"},
        {"crit": None},
        {"crit": ["b64"], "b64": True},
        {"crit": {}},
    ],
    ids=named,
)
def test_sig_09_critical_extension_is_refused(
    visitor: Visitor, instance: Instance, place: Place, members: dict[str, Any]
) -> None:
    place.assert_refused(visitor, instance, header(**members), code="unknown_extension")


@everywhere
@pytest.mark.parametrize("crit", [["b64"], MISSING], ids=["with crit", "without crit"])
@pytest.mark.parametrize("payload", [None, b"{}"], ids=["the claims", "an object without a dot"])
def test_sig_10_unencoded_payload_is_refused(
    visitor: Visitor, instance: Instance, place: Place, crit: Any, payload: bytes | None
) -> None:
    def forge(token: Token) -> None:
        header(b64=False, crit=crit)(token)
        token.payload = payload

    place.assert_refused(visitor, instance, forge)


@everywhere
def test_sig_10_encoded_payload_that_says_it_is_not_is_refused(
    visitor: Visitor, instance: Instance, place: Place
) -> None:
    def forge(token: Token) -> None:
        token.header_bytes = json.dumps({**token.header, "b64": False}).encode()

    place.assert_refused(visitor, instance, forge, code="unknown_extension")


def encrypted(alg: str, **members: Any) -> str:
    deflated = zlib.compressobj(9, wbits=-15)
    bomb = deflated.compress(bytes(20 * MEGABYTE)) + deflated.flush()
    members = {"alg": alg, "enc": "A128CBC-HS256", **members}
    parts = [json.dumps(members).encode(), secrets.token_bytes(16), bytes(16), bomb, bytes(16)]
    return ".".join(b64(part) for part in parts)


@everywhere
@pytest.mark.parametrize(
    ("alg", "members"),
    [
        ("RSA-OAEP", {}),
        ("dir", {}),
        ("PBES2-HS256+A128KW", {"p2c": 2**31, "p2s": "AAAA"}),
        ("dir", {"zip": "DEF"}),
        ("RS256", {}),
    ],
    ids=["RSA-OAEP", "dir", "PBES2", "zip", "RS256"],
)
def test_sig_11_encrypted_token_is_refused_at_once(
    visitor: Visitor, instance: Instance, place: Place, alg: str, members: dict[str, Any]
) -> None:
    compact = encrypted(alg, **members)
    with within(2):
        place.assert_refused(visitor, instance, lambda token: compact, code="malformed_token")


# Keys that do not fit


def publish(instance: Instance, *keys: dict[str, Any]) -> None:
    """Adds keys to the instance's key set, for good: the sign-ins are not what changes it."""
    published = instance.keys.jwks

    def jwks() -> dict[str, Any]:
        return {"keys": [*published()["keys"], *keys]}

    instance.keys.jwks = jwks  # type: ignore[method-assign]


def ec_jwk(key: ec.EllipticCurvePrivateKey, **members: Any) -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    size = (key.curve.key_size + 7) // 8
    x, y = (b64(number.to_bytes(size, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y, **members}


@everywhere
@pytest.mark.parametrize("allowed", [["RS256"], ["RS256", "ES256"]], ids=["RS256", "both"])
@pytest.mark.parametrize("published", [True, False], ids=["EC key", "no EC key"])
def test_sig_13_elliptic_signature_of_zeros_is_refused(
    visitor: Visitor,
    instance: Instance,
    configure: Callable[..., None],
    place: Place,
    allowed: list[str],
    published: bool,
) -> None:
    configure(SIGNING_ALGORITHMS=allowed)
    if published:
        key = ec.generate_private_key(ec.SECP256R1())
        publish(instance, ec_jwk(key, kid="ec", alg="ES256", use="sig"))

    def forge(token: Token) -> None:
        header(alg="ES256", kid="ec")(token)
        token.signature = bytes(64)

    place.assert_refused(visitor, instance, forge)


@everywhere
@pytest.mark.parametrize("alg", ["RS256", MISSING], ids=["for RS256", "for any"])
@pytest.mark.parametrize("kind", ["EC", "OKP"])
def test_sig_13_key_of_another_type_is_not_used(
    visitor: Visitor, instance: Instance, place: Place, kind: str, alg: Any
) -> None:
    key: Any
    if kind == "EC":
        key = ec.generate_private_key(ec.SECP256R1())
        jwk = ec_jwk(key, kid="other", use="sig")
    else:
        key = ed25519.Ed25519PrivateKey.generate()
        raw = key.public_key().public_bytes_raw()
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(raw), "kid": "other", "use": "sig"}
    if alg is not MISSING:
        jwk["alg"] = alg
    publish(instance, jwk)

    place.assert_refused(visitor, instance, several(header(kid="other"), signed_by(key)))
    assert_still_signs_in(visitor, instance)


@everywhere
@pytest.mark.parametrize("alg", ["RS512", "RSA-OAEP", "PS256", "none", "", 5, ["RS256"]], ids=named)
def test_sig_14_key_meant_for_another_algorithm_is_not_used(
    visitor: Visitor, instance: Instance, place: Place, attacker: rsa.RSAPrivateKey, alg: Any
) -> None:
    # The key is the instance's own; only what it says it is for is wrong.
    publish(instance, jwk_of(attacker.public_key(), kid="other", use="sig", alg=alg))
    forge = several(header(kid="other"), signed_by(attacker))

    place.assert_refused(visitor, instance, forge)
    assert_still_signs_in(visitor, instance)


@everywhere
def test_sig_14_key_for_encryption_is_not_used(
    visitor: Visitor, instance: Instance, place: Place, attacker: rsa.RSAPrivateKey
) -> None:
    publish(instance, jwk_of(attacker.public_key(), kid="other", use="enc"))
    forge = several(header(kid="other"), signed_by(attacker))

    place.assert_refused(visitor, instance, forge, code="unknown_key")


def assert_still_signs_in(visitor: Visitor, instance: Instance) -> None:
    before = look(visitor, instance)
    assert_signed_in(visitor, visitor.sign_in(), before)


def probably_prime(number: int) -> bool:
    return all(pow(base, number - 1, number) == 1 for base in (2, 3, 5, 7, 11, 13, 17))


def prime(bits: int) -> int:
    while True:
        number = secrets.randbits(bits) | 3 << (bits - 2) | 1
        if number % 65537 != 1 and probably_prime(number):
            return number


def padded_digest(data: bytes, size: int) -> int:
    """EMSA-PKCS1-v1_5 of RFC 8017 9.2."""
    info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(data).digest()
    padding = b"\xff" * (size - len(info) - 3)
    return int.from_bytes(b"\x00\x01" + padding + b"\x00" + info, "big")


def weak_rsa(n: int, e: int, d: int) -> tuple[dict[str, Any], Forge]:
    """A key that nobody should use, and how to sign with it."""
    size = (n.bit_length() + 7) // 8

    def forge(token: Token) -> None:
        header(kid="weak")(token)
        token.signature = b""
        for nonce in range(64):
            token.claims["jti"] = f"try-{nonce}"
            data = token.serialize().rpartition(".")[0].encode()
            number = padded_digest(data, size)
            signed = pow(number, d, n)
            if pow(signed, e, n) == number:
                token.signature = signed.to_bytes(size, "big")
                return
        # Where no signature can be made, any will do: it is the key that counts.
        token.signature = bytes(size - 1) + b"\x01"

    jwk = {"kty": "RSA", "n": b64_number(n), "e": b64_number(e), "kid": "weak", "use": "sig"}
    return jwk, forge


def short_key(bits: int) -> tuple[int, int, int]:
    p, q = prime(bits // 2), prime(bits // 2)
    return p * q, 65537, pow(65537, -1, (p - 1) * (q - 1))


def odd_modulus() -> int:
    return secrets.randbits(2048) | 1 << 2047 | 1


WEAK: dict[str, Callable[[], tuple[int, int, int]]] = {
    "512 bits": lambda: short_key(512),
    "1024 bits": lambda: short_key(1024),
    # The signature is the padded digest itself.
    "exponent 1": lambda: (odd_modulus(), 1, 1),
    "exponent 2": lambda: (odd_modulus(), 2, 1),
    "exponent 0": lambda: (odd_modulus(), 0, 1),
    # A power of two: an odd digest has an e-th root that anybody can take.
    "even modulus": lambda: (1 << 2047, 65537, pow(65537, -1, 1 << 2045)),
    # Below 2048 bits, though written with leading zeros it would look longer.
    "exponent as long as the modulus": lambda: (odd_modulus(), odd_modulus(), 1),
}


@everywhere
@pytest.mark.parametrize("make", WEAK.values(), ids=WEAK.keys())
def test_sig_16_weak_key_is_not_used(
    visitor: Visitor,
    instance: Instance,
    place: Place,
    make: Callable[[], tuple[int, int, int]],
) -> None:
    jwk, forge = weak_rsa(*make())
    publish(instance, jwk)

    place.assert_refused(visitor, instance, forge)
    assert_still_signs_in(visitor, instance)


@pytest.mark.parametrize("name", [name for name in WEAK if "as long as" not in name])
def test_sig_16_weak_key_is_not_even_tried(name: str) -> None:
    """What a library makes of one is not to be relied on."""
    jwk, _ = weak_rsa(*WEAK[name]())

    assert read_key_set({"keys": [jwk]}) == ()


# Form


@everywhere
@pytest.mark.parametrize(
    "change",
    [
        lambda token: token.partition(".")[0],
        lambda token: token.rpartition(".")[0],
        lambda token: token + ".x",
        lambda token: token + ".x.y.z",
        lambda token: token + ".",
        lambda token: "." + token,
        lambda token: "..",
        lambda token: ".",
        lambda token: "null",
        lambda token: "." + ".".join(token.split(".")[1:]),
        lambda token: f"{token.split('.')[0]}..{token.split('.')[2]}",
        lambda token: token.replace(".", "=."),
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token.replace("_", "/").replace("-", "+"),
        lambda token: json.dumps(
            dict(zip(("protected", "payload", "signature"), token.split("."), strict=True))
        ),
        lambda token: json.dumps(
            {
                "payload": token.split(".")[1],
                "signatures": [
                    {"protected": token.split(".")[0], "signature": token.split(".")[2]}
                ],
            }
        ),
    ],
    ids=[
        "1 segment",
        "2 segments",
        "4 segments",
        "6 segments",
        "empty segment last",
        "empty segment first",
        "two dots",
        "one dot",
        "null",
        "no header",
        "no payload",
        "padded",
        "padded signature",
        "newline",
        "space",
        "standard alphabet",
        "flattened JSON",
        "general JSON",
    ],
)
def test_sig_19_other_serialization_is_refused(
    visitor: Visitor, instance: Instance, place: Place, change: Callable[[str], str]
) -> None:
    place.assert_refused(visitor, instance, whole(change))


@everywhere
def test_sig_19_empty_token_is_refused(visitor: Visitor, instance: Instance, place: Place) -> None:
    place.assert_refused(visitor, instance, lambda token: "")


def respelled(of: str, spell: Callable[[bytes], bytes]) -> Forge:
    """Signs other bytes than the right JSON, which ``spell`` is given."""

    def forge(token: Token) -> None:
        members = token.header if of == "header" else token.claims
        data = spell(json.dumps(members).encode())
        setattr(token, "header_bytes" if of == "header" else "payload", data)

    return forge


SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "array": lambda right: b"[" + right + b"]",
    "empty array": lambda right: b"[]",
    "string": lambda right: b'"RS256"',
    "number": lambda right: b"1",
    "null": lambda right: b"null",
    "true": lambda right: b"true",
    "nothing": lambda right: b" ",
    "garbage": lambda right: b"\x00\x01\x02",
    "no utf-8": lambda right: right[:-1] + b',"x":"\xff\xfe"}',
    "utf-16": lambda right: right.decode().encode("utf-16"),
    "utf-16 without a mark": lambda right: right.decode().encode("utf-16-le"),
    "utf-32": lambda right: right.decode().encode("utf-32"),
    "byte order mark": lambda right: b"\xef\xbb\xbf" + right,
    "truncated": lambda right: right[:-1],
    "followed by more": lambda right: right + b"{}",
    "comment": lambda right: b"/**/" + right,
    "NaN": lambda right: right[:-1] + b',"x":NaN}',
    "Infinity": lambda right: right[:-1] + b',"x":-Infinity}',
    "deep": lambda right: right[:-1] + b',"x":' + b"[" * 9000 + b"]" * 9000 + b"}",
    "long number": lambda right: right[:-1] + b',"x":' + b"9" * 9000 + b"}",
    "spaces": lambda right: right + b" " * 60_000,
    "a member twice": lambda right: right[:-1] + b',"x":1,"x":1}',
}


@everywhere
@pytest.mark.parametrize("of", ["header", "payload"])
@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_sig_20_part_that_is_no_json_object_is_refused(
    visitor: Visitor,
    instance: Instance,
    place: Place,
    of: str,
    spell: Callable[[bytes], bytes],
) -> None:
    place.assert_refused(visitor, instance, respelled(of, spell))


@everywhere
def test_sig_20_algorithm_that_stands_twice_is_refused(
    visitor: Visitor, instance: Instance, place: Place
) -> None:
    for alg in (b"RS256", b"none"):
        for spell in (
            lambda right, alg=alg: right[:-1] + b',"alg":"' + alg + b'"}',
            lambda right, alg=alg: b'{"alg":"' + alg + b'",' + right[1:],
        ):
            place.assert_refused(
                visitor, instance, respelled("header", spell), code="malformed_token"
            )


# Size


def random_header(token: Token) -> str:
    _, payload, signed = token.serialize().split(".")
    return f"{b64(secrets.token_bytes(5 * MEGABYTE * 3 // 4))}.{payload}.{signed}"


def long_signature(token: Token) -> str:
    return f"{token.serialize().rpartition('.')[0]}.{'A' * int(2.4 * MEGABYTE)}"


def long_payload(token: Token) -> str:
    token.payload = json.dumps(token.claims).encode() + b" " * MEGABYTE
    return token.serialize()


LARGE = pytest.mark.parametrize("forge", [random_header, long_signature, long_payload])


@LARGE
def test_sig_21_large_front_id_token_is_refused_before_it_is_looked_at(
    visitor: Visitor, instance: Instance, forge: Forge
) -> None:
    instance.change("front_id_token", forge)
    answer = visitor.at(visitor.start())
    before = look(visitor, instance)

    with within(1):
        response = visitor.bring(answer)

    assert_rejected(visitor, response, before, code="answer_too_large")
    assert instance.calls("jwks") == []


@LARGE
def test_sig_21_large_logout_token_is_refused_before_it_is_looked_at(
    visitor: Visitor, instance: Instance, forge: Forge
) -> None:
    visitor.sign_in()
    session = instance.sessions_of("maria")[0]
    instance.change("logout_token", forge)
    logout_token = instance.logout_token(sub=session.sub, sid=session.sid)
    instance.forget_requests()
    before = look(visitor, instance)

    with within(1):
        response = visitor.relay("/backchannel-signout", f"logout_token={logout_token}")

    assert_notice_refused(response, visitor, before)
    assert instance.calls("jwks") == []


@LARGE
def test_sig_21_large_answer_of_the_token_endpoint_is_not_read_to_its_end(
    visitor: Visitor, instance: Instance, forge: Forge
) -> None:
    answer = visitor.at(visitor.start())
    instance.change("id_token", forge)
    before = look(visitor, instance)

    with within(1):
        response = visitor.bring(answer)

    assert_unavailable(visitor, response, before, token_requests=1, code="answer_too_large")


@pytest.mark.parametrize("size", [70_000, 500_000])
def test_sig_21_long_id_token_of_the_token_endpoint_is_refused(
    visitor: Visitor, instance: Instance, size: int
) -> None:
    def forge(token: Token) -> None:
        token.payload = json.dumps(token.claims).encode() + b" " * size

    TOKEN_ENDPOINT.assert_refused(visitor, instance, forge)


# Kind


@pytest.mark.parametrize(
    ("place", "typ"),
    [
        *((place, "logout+jwt") for place in (FRONT, TOKEN_ENDPOINT)),
        *((place, "at+jwt") for place in (FRONT, TOKEN_ENDPOINT)),
        *(
            (place, typ)
            for place in (FRONT, TOKEN_ENDPOINT, LOGOUT)
            for typ in ("dpop+jwt", "application/dpop+jwt", "secevent+jwt", 5, None, ["JWT"])
        ),
    ],
    ids=lambda value: value.target if isinstance(value, Place) else named(value),
)
def test_sig_23_token_of_another_kind_is_refused(
    visitor: Visitor, instance: Instance, place: Place, typ: Any
) -> None:
    place.assert_refused(visitor, instance, header(typ=typ), code="wrong_token_type")


@everywhere
@pytest.mark.parametrize(
    ("name", "value"),
    [("sub", "admin"), ("aud", "other.example.com"), ("exp", 1), ("iss", "https://evil.test/id")],
)
@pytest.mark.parametrize("first", [False, True], ids=["wrong one last", "wrong one first"])
def test_sig_24_claim_that_stands_twice_is_refused(
    visitor: Visitor, instance: Instance, place: Place, name: str, value: Any, first: bool
) -> None:
    member = f"{json.dumps(name)}:{json.dumps(value)}".encode()

    def spell(right: bytes) -> bytes:
        return b"{" + member + b"," + right[1:] if first else right[:-1] + b"," + member + b"}"

    place.assert_refused(visitor, instance, respelled("payload", spell), code="malformed_token")


@everywhere
def test_right_tokens_pass_where_forged_ones_are_refused(
    visitor: Visitor, instance: Instance, place: Place
) -> None:
    # Shows that the rows above fail for what was done to the token, not for being parsed and
    # signed again.
    instance.change(place.target, several(signature(lambda right: right), claims(extra=1)))
    instance.heal()
    instance.change(place.target, signature(lambda right: right))
    before = look(visitor, instance)
    assert_signed_in(visitor, visitor.sign_in(), before)
    session = instance.sessions_of("maria")[0]
    logout_token = instance.logout_token(sub=session.sub, sid=session.sid)
    response = visitor.relay("/backchannel-signout", f"logout_token={logout_token}")
    assert response.status_code == 200
    assert visitor.whoami()["user"] == ""


def test_key_set_and_signature_of_weak_keys_are_right_as_such() -> None:
    # Shows that a weak key is refused for being weak: what it signs does hold.
    for name, make in WEAK.items():
        n, e, d = make()
        _, forge = weak_rsa(n, e, d)
        token = Token({"alg": "RS256"}, {}, b"")
        forge(token)
        data, _, signed = token.serialize().rpartition(".")
        number = int.from_bytes(base64.urlsafe_b64decode(signed + "=="), "big")
        holds = pow(number, e, n) == padded_digest(data.encode(), (n.bit_length() + 7) // 8)
        assert holds is (name in {"512 bits", "1024 bits", "exponent 1", "even modulus"}), name
