"""Rows SIG of the cases at each place where a token comes in: beside the code, from the token
endpoint, and as a logout token. What each check refuses is in tests/oidc."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable

import pytest

from erpnet_instanceid.testing import Instance, Token

from ..support.forging import Forge, header, several
from ..support.outcomes import (
    assert_notice_refused,
    assert_rejected,
    assert_signed_in,
    assert_unavailable,
    look,
    within,
)
from ..support.places import TOKEN_ENDPOINT, Place, everywhere
from ..support.visitor import Visitor

MEGABYTE = 1024 * 1024


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signature(change: Callable[[bytes], bytes]) -> Forge:
    """Changes the right signature."""

    def forge(token: Token) -> None:
        right = token.serialize().rpartition(".")[2]
        token.signature = change(base64.urlsafe_b64decode(right + "=="))

    return forge


@everywhere
def test_sig_01_altered_signature_is_refused(
    visitor: Visitor, instance: Instance, place: Place
) -> None:
    forge = signature(lambda right: bytes([right[0] ^ 1]) + right[1:])
    place.assert_refused(visitor, instance, forge, code="bad_signature")


@everywhere
def test_sig_02_token_that_is_not_signed_is_refused(
    visitor: Visitor, instance: Instance, place: Place
) -> None:
    place.assert_refused(visitor, instance, header(alg="none"), code="algorithm_refused")


@everywhere
def test_sig_05_shared_secret_is_refused_even_where_allowed(
    visitor: Visitor, instance: Instance, place: Place, configure: Callable[..., None]
) -> None:
    configure(SIGNING_ALGORITHMS=["RS256", "HS256", "none"])

    def with_secret(token: Token) -> None:
        token.sign_with = instance.application_secret.encode()

    for forge in (several(header(alg="HS256"), with_secret), header(alg="none")):
        place.assert_refused(visitor, instance, forge)


def random_header(token: Token) -> str:
    _, payload, signed = token.serialize().split(".")
    return f"{b64(secrets.token_bytes(5 * MEGABYTE * 3 // 4))}.{payload}.{signed}"


def long_payload(token: Token) -> str:
    token.payload = json.dumps(token.claims).encode() + b" " * MEGABYTE
    return token.serialize()


LARGE = pytest.mark.parametrize("forge", [random_header, long_payload])


@LARGE
def test_sig_21_large_front_id_token_is_refused_unread(
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
def test_sig_21_large_logout_token_is_refused_unread(
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
def test_sig_21_large_token_answer_is_not_read_to_its_end(
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


@everywhere
def test_right_token_that_was_signed_again_passes(
    visitor: Visitor, instance: Instance, place: Place
) -> None:
    """The rows above fail for what was done to the token, and not for how a test does it."""
    instance.change(place.target, signature(lambda right: right))
    before = look(visitor, instance)
    assert_signed_in(visitor, visitor.sign_in(), before)
    session = instance.sessions_of("maria")[0]
    logout_token = instance.logout_token(sub=session.sub, sid=session.sid)
    response = visitor.relay("/backchannel-signout", f"logout_token={logout_token}")
    assert response.status_code == 200
    assert visitor.whoami()["user"] == ""
