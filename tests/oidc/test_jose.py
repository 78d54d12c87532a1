"""The form of signed tokens, and which keys of a key set are used. Rows SIG of the cases."""

import itertools
import json
import secrets
import time
import zlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, RSAKey

from erpnet_instanceid.oidc.errors import InvalidResponse, TokenRejected
from erpnet_instanceid.oidc.jose import (
    MAX_TOKEN_CHARACTERS,
    decode_base64url,
    encode_base64url,
    read_json,
    read_key_set,
    read_token,
)
from erpnet_instanceid.testing import Token

from ..support.forging import MISSING, header, several

CLAIMS = {"sub": "maria", "iss": "https://op.test/id"}
b64 = encode_base64url


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(65537, 2048)


def number(value):
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def rsa_jwk(n, e, **members):
    return {"kty": "RSA", "n": number(n), "e": number(e), **members}


def jwk_of(key, **members):
    kind = RSAKey if isinstance(key, rsa.RSAPrivateKey) else ECKey
    return {**kind.import_key(key).as_dict(private=False), **members}


def refusal(raw):
    """The code of the error. Each token here is refused for its form: no key is asked for."""
    with pytest.raises(TokenRejected) as caught:
        read_token(raw, algorithms=["RS256"], types={"", "jwt"})
    return caught.value.code


def forged(key, forge):
    token = Token({"alg": "RS256", "kid": "k"}, dict(CLAIMS), key)
    changed = forge(token)
    return changed if isinstance(changed, str) else token.serialize()


def test_right_token_is_read(key):
    (public,) = read_key_set({"keys": [jwk_of(key)]})

    token = read_token(
        forged(key, header(typ="JWT")), algorithms=["RS256", "ES256"], types={"", "jwt"}
    )

    assert (token.algorithm, token.kid, token.claims) == ("RS256", "k", CLAIMS)
    assert token.is_signed_by(public)
    assert "maria" not in repr(token)


@pytest.mark.parametrize("kid", [MISSING, "k"], ids=["no kid", "kid"])
def test_sig_02_token_that_says_it_is_not_signed(key, kid):
    right = forged(key, header()).rpartition(".")[2]
    for signature in ["", right]:
        head = {"alg": "none"} if kid is MISSING else {"alg": "none", "kid": kid}
        raw = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(CLAIMS).encode())}.{signature}"
        assert refusal(raw) == "algorithm_refused"


def test_sig_03_other_algorithm_is_refused(key):
    unsigned = ["None", "NONE", "nOnE", "", None, MISSING]
    others = ["rs256", "RS256 ", "RS257", "RS384", "PS256", "ES256", "EdDSA", "RS256\0"]
    for alg in [*unsigned, *others, 1, True, ["RS256"], {"a": 1}]:
        assert refusal(forged(key, header(alg=alg))) == "algorithm_refused", alg


def test_sig_04_05_shared_secret_is_refused(key):
    formats = itertools.product(
        [Encoding.PEM, Encoding.DER], [PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1]
    )
    published = [key.public_key().public_bytes(*each) for each in formats]
    jwk = jwk_of(key)
    texts = [json.dumps(jwk).encode(), jwk["n"].encode(), b"", b"the client secret"]
    for shared in [*published, *(each.strip() for each in published), *texts]:
        for alg in ["HS256", "HS384", "HS512"]:
            assert refusal(forged(shared, header(alg=alg))) == "algorithm_refused"


def test_sig_05_shared_secret_is_refused_even_where_allowed(key):
    for alg, secret in [("HS256", b"secret"), ("none", b"")]:
        with pytest.raises(TokenRejected) as caught:
            read_token(forged(secret, header(alg=alg)), algorithms=["RS256", alg], types={""})
        assert caught.value.code == "algorithm_refused"


def test_sig_08_kid_that_is_no_text_is_refused(key):
    for kid in [7, True, [], {}, None]:
        assert refusal(forged(key, header(kid=kid))) == "malformed_token", kid


def test_sig_09_critical_extension_is_refused(key):
    named = [
        {"crit": ["http://example.test/ext"], "http://example.test/ext": 1},
        {"crit": ["exp"], "exp": 9999999999},
        {"crit": ["b64"], "b64": True},
    ]
    for members in [*named, *({"crit": value} for value in (["exp"], [], "b64", None, {}))]:
        assert refusal(forged(key, header(**members))) == "unknown_extension", members


def test_sig_10_unencoded_payload_is_refused(key):
    def says_so(token):
        token.header_bytes = json.dumps({**token.header, "b64": False}).encode()

    assert refusal(forged(key, says_so)) == "unknown_extension"
    for crit in [["b64"], MISSING]:
        assert refusal(forged(key, header(b64=False, crit=crit)))
        unencoded = several(header(b64=False, crit=crit), with_payload(b"{}"))
        assert refusal(forged(key, unencoded)) == "unknown_extension"


def with_payload(payload):
    return lambda token: setattr(token, "payload", payload)


def test_sig_11_encrypted_token_is_refused_at_once():
    deflated = zlib.compressobj(9, wbits=-15)
    bomb = deflated.compress(bytes(20 * 1024 * 1024)) + deflated.flush()
    headers = [
        {"alg": "RSA-OAEP"},
        {"alg": "dir"},
        {"alg": "PBES2-HS256+A128KW", "p2c": 2**31, "p2s": "AAAA"},
        {"alg": "dir", "zip": "DEF"},
        {"alg": "RS256"},
    ]
    started = time.monotonic()
    for members in headers:
        head = json.dumps({"enc": "A128CBC-HS256", **members}).encode()
        parts = [head, secrets.token_bytes(16), bytes(16), bomb, bytes(16)]
        assert refusal(".".join(map(b64, parts))) == "malformed_token"
    assert time.monotonic() - started < 1


def test_sig_19_other_serialization_is_refused(key):
    right = forged(key, header())
    head, payload, signature = right.split(".")
    flattened = {"protected": head, "payload": payload, "signature": signature}
    general = {"payload": payload, "signatures": [{"protected": head, "signature": signature}]}
    for raw in [
        *(head, f"{head}.{payload}", f"{right}.x", f"{right}.x.y.z", f"{right}.", f".{right}"),
        *("", ".", "..", "null", f".{payload}.{signature}", f"{head}..{signature}"),
        *(right.replace(".", "=."), f"{right}=", f"{right}\n", f" {right}", f"{head}.{payload}."),
        *(right.replace(head, head + "+"), json.dumps(flattened), json.dumps(general)),
    ]:
        assert refusal(raw) == "malformed_token", raw
    assert refusal(None) == refusal(right.encode()) == "token_too_large"


def test_sig_01_loose_bits_of_a_signature_are_refused(key):
    # 256 bytes leave four bits of the last character unused: set, they decode to the same bytes.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    right = forged(key, header())
    loose = right[:-1] + alphabet[alphabet.index(right[-1]) + 1]

    assert refusal(loose) == "malformed_token"


SPELLINGS = {
    "array": lambda right: b"[" + right + b"]",
    "string": lambda right: b'"RS256"',
    "number": lambda right: b"1",
    "null": lambda right: b"null",
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
    "deep": lambda right: right[:-1] + b',"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "long number": lambda right: right[:-1] + b',"x":' + b"9" * 9000 + b"}",
    "a name twice": lambda right: right[:-1] + b',"x":1,"x":1}',
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_sig_20_part_that_is_no_json_object_is_refused(key, spell):
    def in_header(token):
        token.header_bytes = spell(json.dumps(token.header).encode())

    assert refusal(forged(key, in_header)) == "malformed_token"
    in_payload = with_payload(spell(json.dumps(CLAIMS).encode()))
    assert refusal(forged(key, in_payload)) == "malformed_token"


def test_sig_20_24_name_that_stands_twice_is_refused(key):
    """One reader takes the first value, another the last."""
    for name, wrong in [("sub", "admin"), ("iss", "https://evil.test/id")]:
        member, right = f"{json.dumps(name)}:{json.dumps(wrong)}", json.dumps(CLAIMS)
        for twice in [f"{{{member},{right[1:]}", f"{right[:-1]},{member}}}"]:
            with pytest.raises(ValueError, match="twice"):
                read_json(twice.encode())
            assert refusal(forged(key, with_payload(twice.encode()))) == "malformed_token"


def test_sig_21_large_token_is_refused_before_it_is_read(key):
    right = forged(key, header())
    started = time.monotonic()
    for raw in [f"{'A' * 5_000_000}.{right}", right + "A" * 2_400_000, "." * MAX_TOKEN_CHARACTERS]:
        assert refusal(raw) in ("token_too_large", "malformed_token")
    assert refusal("x" * (MAX_TOKEN_CHARACTERS + 1)) == "token_too_large"
    assert time.monotonic() - started < 0.2


def test_base64url_has_one_spelling_for_each_value():
    for text in ["", "YQ==", "YQ=", "YR", "Y", "+/+/", "YQ\n", " YQ", "é", None, 5, b"YQ"]:
        assert decode_base64url(text) is None, text
    assert decode_base64url("YQ") == b"a"
    assert encode_base64url(b"\xfb\xff") == "-_8"


# Keys that may be used, and for what


def usable(*jwks):
    return list(read_key_set({"keys": list(jwks)}))


def test_key_is_read_without_its_private_members(key):
    whole = RSAKey.import_key(key).as_dict(private=True)
    (read,) = usable({**whole, "kid": "k", "use": "sig", "key_ops": ["verify"], "alg": "RS256"})

    assert (read.kid, read.kty, read.alg) == ("k", "RSA", "RS256")
    assert not hasattr(read.public, "private_numbers")
    assert "public" not in repr(read)
    assert read.fits("RS256")
    assert not read.fits("RS512")
    assert not read.fits("ES256")


def test_sig_14_key_serves_only_what_it_says(key):
    """RFC 7517 4.2 to 4.4."""
    for members in [{}, {"use": "sig"}, {"key_ops": ["sign", "verify"]}, {"alg": "RS256"}]:
        (read,) = usable(jwk_of(key, **members))
        assert read.fits("RS256"), members
    for members in [
        *({"use": use} for use in ("enc", "SIG", "", None, 5, ["sig"])),
        *({"key_ops": ops} for ops in (["sign"], ["Verify"], [], "verify", None, 5, {"verify": 1})),
        *({"alg": alg} for alg in (5, ["RS256"], {})),
        {"use": "sig", "key_ops": ["encrypt"]},
        {"use": "enc", "key_ops": ["verify"]},
    ]:
        assert usable(jwk_of(key, **members)) == [], members
    for alg in ["RS512", "RSA-OAEP", "PS256", "none", ""]:
        (read,) = usable(jwk_of(key, alg=alg))
        assert not read.fits("RS256"), alg


def test_sig_13_key_of_another_type_does_not_fit():
    curve = ec.generate_private_key(ec.SECP256R1())
    (read,) = usable(jwk_of(curve))
    assert read.fits("ES256")
    assert not read.fits("ES384")
    assert not read.fits("RS256")
    edwards = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert usable({"kty": "OKP", "crv": "Ed25519", "x": b64(edwards)}) == []


def test_sig_13_signature_of_zeros_does_not_hold():
    (read,) = usable(jwk_of(ec.generate_private_key(ec.SECP256R1())))
    parts = [json.dumps({"alg": "ES256"}).encode(), b"{}", bytes(64)]
    token = read_token(".".join(map(b64, parts)), algorithms=["ES256"], types={""})

    assert not token.is_signed_by(read)


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512"])
def test_ecdsa_tokens_are_verified(alg):
    curve = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}[alg]()
    private = ec.generate_private_key(curve)
    (read,) = usable(jwk_of(private))
    token = read_token(forged(private, header(alg=alg)), algorithms=[alg], types={""})

    assert read.fits(alg)
    assert token.is_signed_by(read)


def odd(bits):
    return secrets.randbits(bits) | 1 << (bits - 1) | 1


def test_sig_16_weak_key_is_not_used():
    modulus = odd(2048)
    weak = {
        "512 bits": (odd(512), 65537),
        "1024 bits": (odd(1024), 65537),
        "2047 bits": (odd(2047), 65537),
        "exponent 1": (modulus, 1),
        "exponent 2": (modulus, 2),
        "even modulus": (modulus - 1, 65537),
    }
    for name, (n, e) in weak.items():
        assert usable(rsa_jwk(n, e)) == [], name
    assert len(usable(rsa_jwk(modulus, 3))) == 1


def test_key_06_entries_that_cannot_be_read_are_skipped(key):
    good = jwk_of(key, kid="good")
    bad = [
        *(1, "a", None, [], {}, {"kty": "RSA"}, {"kty": [], "n": {}, "e": 5}),
        *({"kty": "AKP", "alg": "ML-DSA-9999"}, {"kty": "made up"}, {"kty": "oct", "k": "AAAA"}),
        *({**good, "n": "!!!"}, {**good, "n": 5}, {**good, "e": ""}, {**good, "kid": 5}),
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
    ]
    assert [read.kid for read in usable(*bad, good)] == ["good"]


def test_key_06_document_that_is_no_key_set_is_refused():
    for document in [{}, {"keys": None}, {"keys": {}}, {"keys": "a"}, [], None, "keys"]:
        with pytest.raises(InvalidResponse) as caught:
            read_key_set(document)
        assert caught.value.code == "malformed_key_set", document
    assert read_key_set({"keys": []}) == ()
