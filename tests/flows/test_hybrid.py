"""Rows HYB of the cases: two ID tokens, one code, one person."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from erpnet_instanceid.models import SignIn
from erpnet_instanceid.testing import Instance

from ..support.forging import MISSING, Forge, claims, header, several
from ..support.outcomes import FRONT, TOKEN_ENDPOINT, assert_rejected, assert_signed_in, look
from ..support.visitor import Visitor


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


@pytest.mark.parametrize(
    "nonce", [lambda nonce: nonce + "1", MISSING], ids=["one character more", "missing"]
)
def test_hyb_01_front_id_token_of_another_nonce_is_refused(
    visitor: Visitor, instance: Instance, nonce: Any
) -> None:
    FRONT.assert_refused(visitor, instance, claims(nonce=nonce), code="claim_mismatch")


def test_hyb_02_front_id_token_without_c_hash_is_refused(
    visitor: Visitor, instance: Instance
) -> None:
    FRONT.assert_refused(visitor, instance, claims(c_hash=MISSING), code="claim_missing")


def test_hyb_03_front_id_token_with_c_hash_and_one_more_is_refused(
    visitor: Visitor, instance: Instance
) -> None:
    forge = claims(c_hash=lambda right: right + "1")
    FRONT.assert_refused(visitor, instance, forge, code="claim_mismatch")


@pytest.mark.parametrize(
    "spell",
    [
        lambda digest: b64(digest[:16]),
        lambda digest: base64.b64encode(digest[:16]).decode().rstrip("="),
        lambda digest: b64(digest).rstrip("="),
        lambda digest: digest[:16].hex(),
        lambda digest: digest.hex(),
        lambda digest: b64(digest[:16]).rstrip("=").swapcase(),
        lambda digest: b64(digest[:16])[:8],
        lambda digest: b64(digest[16:]).rstrip("="),
        lambda digest: [b64(digest[:16]).rstrip("=")],
        lambda digest: None,
        lambda digest: "",
    ],
    ids=[
        "padded",
        "standard alphabet",
        "whole hash",
        "hex",
        "hex of the whole",
        "other case",
        "first 8 characters",
        "right half",
        "list",
        "null",
        "empty",
    ],
)
def test_hyb_04_c_hash_in_another_spelling_is_refused(
    visitor: Visitor, instance: Instance, spell: Callable[[bytes], Any]
) -> None:
    address = visitor.start()
    # The code is made up: its hash has both characters in which the alphabets differ.
    made_up = "a-code-whose-hash-needs-both-alphabets-30"
    digest = hashlib.sha256(made_up.encode()).digest()
    right = b64(digest[:16]).rstrip("=")
    assert set(right) > set("-_")
    instance.change("code", lambda code: made_up)
    honest = visitor.at(address)
    wrong = spell(digest)
    assert wrong != right
    instance.change("front_id_token", claims(c_hash=wrong))
    answer = visitor.at(address)
    before = look(visitor, instance)

    response = visitor.bring(answer)

    assert_rejected(visitor, response, before, code="claim_mismatch", corrected=honest)


@pytest.mark.parametrize(
    "s_hash",
    [lambda right: right + "1", lambda right: right.swapcase(), "wrong", None, "", 5],
    ids=["one character more", "other case", "wrong", "null", "empty", "number"],
)
def test_hyb_06_front_id_token_of_another_state_is_refused(
    visitor: Visitor, instance: Instance, s_hash: Any
) -> None:
    FRONT.assert_refused(visitor, instance, claims(s_hash=s_hash), code="claim_mismatch")


def test_hyb_07_id_tokens_of_two_people_are_refused(visitor: Visitor, instance: Instance) -> None:
    TOKEN_ENDPOINT.assert_refused(
        visitor, instance, claims(sub="ivan.petrov"), code="tokens_disagree"
    )
    assert not get_user_model().objects.exists()


@pytest.mark.parametrize(
    "id_token", [MISSING, None, "", 5, ["x"], {}], ids=["missing", "null", "empty", "5", "[]", "{}"]
)
def test_hyb_10_answer_without_second_id_token_is_refused(
    visitor: Visitor, instance: Instance, id_token: Any
) -> None:
    answer = visitor.at(visitor.start())

    def change(fields: dict[str, Any]) -> None:
        fields["id_token"] = id_token
        if id_token is MISSING:
            del fields["id_token"]

    instance.change("token_answer", change)
    before = look(visitor, instance)

    response = visitor.bring(answer)

    assert_rejected(
        visitor, response, before, token_requests=1, code="id_token_missing", corrected=answer
    )


@pytest.mark.parametrize(
    "at_hash",
    [
        lambda right: right + "1",
        lambda right: right.swapcase(),
        b64(hashlib.sha256(b"another access token").digest()[:16]).rstrip("="),
        None,
        ["x"],
        {},
        "",
        5,
    ],
    ids=["one character more", "other case", "of another", "null", "list", "{}", "empty", "number"],
)
def test_hyb_11_id_token_of_another_access_token_is_refused(
    visitor: Visitor, instance: Instance, at_hash: Any
) -> None:
    forge = claims(at_hash=at_hash)
    TOKEN_ENDPOINT.assert_refused(visitor, instance, forge, code="claim_mismatch")


def test_hyb_12_id_token_of_an_earlier_sign_in_is_refused(
    visitor: Visitor, instance: Instance
) -> None:
    earlier = visitor.at(visitor.start())
    visitor.bring(earlier)
    visitor.post("/signout")
    honest = visitor.at(visitor.start())
    before = look(visitor, instance)

    fields = dict(honest.fields) | {"id_token": earlier["id_token"]}
    response = visitor.bring(honest, list(fields.items()))

    assert_rejected(visitor, response, before, code="claim_mismatch", corrected=honest)


def test_hyb_12_earlier_nonce_is_refused_though_code_and_state_fit(
    visitor: Visitor, instance: Instance
) -> None:
    nonces: list[str] = []
    instance.change("front_id_token", lambda token: nonces.append(token.claims["nonce"]))
    visitor.sign_in()
    visitor.post("/signout")
    instance.heal()

    FRONT.assert_refused(visitor, instance, claims(nonce=nonces[0]), code="claim_mismatch")


@pytest.mark.parametrize(
    ("typ", "code"),
    [
        ("logout+jwt", "wrong_token_type"),
        ("at+jwt", "wrong_token_type"),
        # Some instances name no type at all: then it is the event that tells.
        ("JWT", "claim_forbidden"),
        (MISSING, "claim_forbidden"),
    ],
)
def test_hyb_13_logout_token_is_no_id_token(
    visitor: Visitor, instance: Instance, typ: Any, code: str
) -> None:
    visitor.sign_in()
    session = instance.sessions_of("maria")[0]
    instance.change("logout_token", header(typ=typ))
    logout_token = instance.logout_token(sub=session.sub, sid=session.sid)
    visitor.post("/signout")

    FRONT.assert_refused(visitor, instance, lambda token: logout_token, code=code)


def test_hyb_13_logout_token_with_everything_else_right_is_no_id_token(
    visitor: Visitor, instance: Instance
) -> None:
    event = "http://schemas.openid.net/event/backchannel-logout"
    forge = claims(events={event: {}}, jti="1")
    FRONT.assert_refused(visitor, instance, forge, code="claim_forbidden")


@pytest.mark.parametrize("with_azp", [False, True], ids=["without azp", "with azp"])
def test_hyb_15_second_audience_is_refused(
    visitor: Visitor, instance: Instance, with_azp: bool
) -> None:
    client_id = instance.application_uri
    forge = claims(aud=[client_id, "other.example.com"], azp=client_id if with_azp else MISSING)
    FRONT.assert_refused(visitor, instance, forge, code="claim_mismatch")


@pytest.mark.parametrize(
    "forge",
    [
        claims(sid=lambda sid: sid[:-1] + ("0" if sid[-1] != "0" else "1")),
        claims(auth_time=lambda at: at - 1),
    ],
    ids=["sid", "auth_time"],
)
def test_hyb_16_id_tokens_of_two_sessions_are_refused(
    visitor: Visitor, instance: Instance, forge: Forge
) -> None:
    TOKEN_ENDPOINT.assert_refused(visitor, instance, forge, code="tokens_disagree")


@pytest.mark.parametrize("targets", [["front_id_token"], ["front_id_token", "id_token"]])
@pytest.mark.parametrize("denied_by", ["access_token", "userinfo"])
def test_hyb_17_administrator_in_id_token_alone_is_none_here(
    visitor: Visitor, instance: Instance, targets: list[str], denied_by: str
) -> None:
    for target in targets:
        instance.change(target, claims(is_admin="true", user_type="InternalUser"))
    if denied_by == "userinfo":
        # An opaque access token says nothing: userinfo is all there is besides.
        instance.change("access_token", lambda token: "0" * 64)
        if "id_token" in targets:
            instance.change("id_token", claims(user_type=MISSING))
    before = look(visitor, instance)

    response = visitor.sign_in()

    assert_signed_in(visitor, response, before)
    user = get_user_model().objects.get()
    assert not user.is_staff
    assert not user.is_superuser


@pytest.mark.parametrize(
    ("forge", "code"),
    [
        (claims(iss="https://evil.test/id"), "claim_mismatch"),
        (claims(aud="other.example.com"), "claim_mismatch"),
        (
            claims(
                iat=lambda now: now - 1000,
                nbf=lambda now: now - 1000,
                exp=lambda _: time.time() - 700,
            ),
            "token_expired",
        ),
        (several(lambda token: setattr(token, "signature", b"\x01" * 256)), "bad_signature"),
    ],
    ids=["issuer", "audience", "expired", "signature"],
)
def test_hyb_18_second_id_token_is_checked_like_the_first(
    visitor: Visitor, instance: Instance, forge: Forge, code: str
) -> None:
    TOKEN_ENDPOINT.assert_refused(visitor, instance, forge, code=code)
    assert set(SignIn.objects.values_list("account", "tokens")) == {(None, "")}
