"""Spoilt tokens at each place where one comes in: beside the code, from the token endpoint, and as
a notice. What each check refuses is in tests/oidc."""

import pytest
from django.contrib.auth import get_user_model

from ..support.forging import MISSING, claims
from ..support.outcomes import assert_rejected, begin, look
from ..support.places import FRONT, LOGOUT, TOKEN_ENDPOINT

ID_TOKENS = ("front_id_token", "id_token")
FOREIGN = claims(iss="https://evil.test/id")


def badly_signed(token):
    token.signature = b"\x01" * 256


@pytest.mark.parametrize(
    ("place", "forge", "code"),
    [
        pytest.param(FRONT, badly_signed, "bad_signature", id="sig_01 front"),
        pytest.param(LOGOUT, badly_signed, None, id="sig_01 notice"),
        pytest.param(TOKEN_ENDPOINT, badly_signed, "bad_signature", id="hyb_18 signature"),
        pytest.param(FRONT, FOREIGN, "claim_mismatch", id="clm_01 front"),
        pytest.param(LOGOUT, FOREIGN, None, id="clm_01 notice"),
        pytest.param(TOKEN_ENDPOINT, FOREIGN, "claim_mismatch", id="hyb_18 issuer"),
        pytest.param(TOKEN_ENDPOINT, claims(nonce="x"), "claim_mismatch", id="hyb_18 nonce"),
        pytest.param(TOKEN_ENDPOINT, claims(at_hash="x"), "claim_mismatch", id="hyb_11 at_hash"),
        pytest.param(TOKEN_ENDPOINT, claims(sub="ivan"), "tokens_disagree", id="hyb_07 person"),
    ],
)
def test_spoilt_token_is_refused(visitor, instance, place, forge, code):
    place.assert_refused(visitor, instance, forge, code=code)


def test_hyb_01_12_id_token_of_an_earlier_sign_in_is_refused(visitor, instance):
    earlier = visitor.at(visitor.start())
    visitor.bring(earlier)
    visitor.post("/signout")
    honest = visitor.at(visitor.start())
    before = look(visitor, instance)

    fields = dict(honest.fields) | {"id_token": earlier["id_token"]}
    response = visitor.bring(honest, list(fields.items()))

    assert_rejected(visitor, response, before, code="claim_mismatch", corrected=honest)


@pytest.mark.parametrize("denied_by", ["access_token", "userinfo"])
def test_hyb_17_administrator_needs_every_token(visitor, instance, denied_by):
    for target in ID_TOKENS:
        instance.change(target, claims(is_admin="true", user_type="InternalUser"))
    if denied_by == "userinfo":
        # An opaque access token says nothing: userinfo is all there is besides.
        instance.change("access_token", lambda token: "0" * 64)
        instance.change("id_token", claims(user_type=MISSING))

    begin(visitor, instance).assert_signed_in()

    user = get_user_model().objects.get()
    assert (user.is_staff, user.is_superuser) == (False, False)
