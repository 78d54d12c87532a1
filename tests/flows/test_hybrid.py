"""Rows HYB of the cases: two ID tokens, one code, one person."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from erpnet_instanceid.models import SignIn
from erpnet_instanceid.testing import Instance

from ..support.forging import MISSING, claims
from ..support.outcomes import assert_rejected, assert_signed_in, look
from ..support.places import FRONT, TOKEN_ENDPOINT
from ..support.visitor import Visitor


def test_hyb_01_front_id_token_of_another_nonce_is_refused(
    visitor: Visitor, instance: Instance
) -> None:
    forge = claims(nonce=lambda nonce: nonce + "1")
    FRONT.assert_refused(visitor, instance, forge, code="claim_mismatch")


def test_hyb_02_front_id_token_without_c_hash_is_refused(
    visitor: Visitor, instance: Instance
) -> None:
    FRONT.assert_refused(visitor, instance, claims(c_hash=MISSING), code="claim_missing")


def test_hyb_06_front_id_token_of_another_state_is_refused(
    visitor: Visitor, instance: Instance
) -> None:
    FRONT.assert_refused(visitor, instance, claims(s_hash="wrong"), code="claim_mismatch")


def test_hyb_07_id_tokens_of_two_people_are_refused(visitor: Visitor, instance: Instance) -> None:
    TOKEN_ENDPOINT.assert_refused(
        visitor, instance, claims(sub="ivan.petrov"), code="tokens_disagree"
    )
    assert not get_user_model().objects.exists()


def test_hyb_11_id_token_of_another_access_token_is_refused(
    visitor: Visitor, instance: Instance
) -> None:
    TOKEN_ENDPOINT.assert_refused(visitor, instance, claims(at_hash="x"), code="claim_mismatch")


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


def test_hyb_13_logout_token_is_no_id_token(visitor: Visitor, instance: Instance) -> None:
    visitor.sign_in()
    session = instance.sessions_of("maria")[0]
    logout_token = instance.logout_token(sub=session.sub, sid=session.sid)
    visitor.post("/signout")

    FRONT.assert_refused(visitor, instance, lambda token: logout_token)


@pytest.mark.parametrize("targets", [["front_id_token"], ["front_id_token", "id_token"]])
@pytest.mark.parametrize("denied_by", ["access_token", "userinfo"])
def test_hyb_17_administrator_needs_every_token(
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


def test_hyb_18_second_id_token_is_checked_like_the_first(
    visitor: Visitor, instance: Instance
) -> None:
    for forge, code in [
        (claims(aud="other.example.com"), "claim_mismatch"),
        (lambda token: setattr(token, "signature", b"\x01" * 256), "bad_signature"),
    ]:
        TOKEN_ENDPOINT.assert_refused(visitor, instance, forge, code=code)
    assert not SignIn.objects.exists()
