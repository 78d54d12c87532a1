"""Rows CLM of the cases: what a claim may do to a sign-in. Each check alone is in tests/oidc."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
from django.contrib.auth import get_user_model

from erpnet_instanceid.models import Account, SignIn
from erpnet_instanceid.testing import Instance

from ..support.backend import assert_fits
from ..support.forging import MISSING, Forge, claims, named
from ..support.outcomes import REDIRECTS, Before, assert_rejected, assert_signed_in, begin, look
from ..support.places import Place, everywhere
from ..support.visitor import Visitor


@everywhere
def test_clm_01_token_of_another_issuer_is_refused(
    visitor: Visitor, instance: Instance, place: Place
) -> None:
    forge = claims(iss=instance.issuer + "/")
    place.assert_refused(visitor, instance, forge, code="claim_mismatch")


@everywhere
def test_clm_10_token_that_has_expired_is_refused(
    visitor: Visitor, instance: Instance, place: Place
) -> None:
    forge = claims(exp=lambda _right: int(time.time()) - 61)
    place.assert_refused(visitor, instance, forge, code="token_expired")


@everywhere
def test_clm_07_sub_with_hidden_characters_is_refused(
    visitor: Visitor, instance: Instance, place: Place
) -> None:
    place.assert_refused(visitor, instance, claims(sub="mar\0ia"), code="malformed_claim")


# When


def sign_in_with(visitor: Visitor, instance: Instance, forge: Forge) -> requests.Response:
    """A sign-in in which both ID tokens are forged alike."""
    for target in ("front_id_token", "id_token"):
        instance.change(target, forge)
    return visitor.sign_in()


@pytest.mark.parametrize("exp", [10**18, 10**18 + 1, 2**63, 1e18, 1.7e308], ids=named)
@pytest.mark.parametrize("of", ["ID token", "access token"])
def test_clm_12_time_beyond_all_calendars_does_no_harm(
    visitor: Visitor, instance: Instance, exp: Any, of: str
) -> None:
    before = look(visitor, instance)
    if of == "ID token":
        response = sign_in_with(visitor, instance, claims(exp=exp))
    else:
        # Its own time counts where the answer does not say how long it lives.
        instance.change("access_token", claims(exp=exp))
        instance.change("token_answer", lambda fields: fields.pop("expires_in") and None)
        response = visitor.sign_in()
    assert_harmless(visitor, response, before)


def assert_harmless(visitor: Visitor, response: requests.Response, before: Before) -> None:
    """OK, or REJ."""
    if response.status_code in REDIRECTS:
        assert_signed_in(visitor, response, before)
        assert visitor.get("/customers").status_code == 200
        assert visitor.get("/private").status_code == 200
    else:
        calls = before.instance.calls
        assert_rejected(
            visitor,
            response,
            before_sign_in_pages(before),
            status=response.status_code,
            token_requests=len(calls("token")),
            userinfo_requests=len(calls("userinfo")),
        )
        assert 400 <= response.status_code < 500


def before_sign_in_pages(before: Before) -> Before:
    """Also counts the visits to the instance's own pages, which the site does not make."""
    calls = before.calls.copy()
    for page in ("authorize", "sign_in"):
        calls[page] = len(before.instance.calls(page))
    return Before(before.instance, before.who, before.stored, calls)


# Other claims

ODD = {
    "name": "\ud800",
    "email": ["a@b"],
    "email_verified": {},
    "locale": "\0",
    "amr": 5,
    "idp": [],
    "db": "x" * 10_000,
    "is_admin": {},
    "preferred_username": "\0",
}


@pytest.mark.parametrize("source", ["access_token", "id_token", "userinfo"])
@pytest.mark.parametrize("key", [None, [], "a\0b", "\ud800", "x" * 300], ids=named)
def test_clm_17_odd_claims_do_no_harm(
    visitor: Visitor, instance: Instance, source: str, key: Any
) -> None:
    """`tests/users/test_odd_claims.py` has each claim alone."""
    if source == "userinfo":
        instance.change("access_token", lambda token: "0123456789ABCDEF" * 4)
        instance.change("userinfo", lambda told: told.update(ODD, id=key))
    else:
        instance.change(source, claims(**ODD, id=key))

    begin(visitor, instance).assert_signed_in()

    for row in (get_user_model(), Account, SignIn):
        assert_fits(row.objects.get())
    assert not get_user_model().objects.get().is_staff
    assert visitor.get("/customers").status_code == 200


@pytest.mark.parametrize(
    "sid", [MISSING, None, 5, "", [], {}, "x" * 1024, "a\0b", "\ud800", "x" * 255], ids=named
)
def test_clm_18_odd_sid_does_no_harm(visitor: Visitor, instance: Instance, sid: Any) -> None:
    before = look(visitor, instance)

    response = sign_in_with(visitor, instance, claims(sid=sid))

    assert_signed_in(visitor, response, before)
    instance.heal()
    assert_fits(SignIn.objects.get())

    # Sign-out by name finds the sign-in all the same.
    logout_token = instance.logout_token(sub="maria")
    answer = visitor.relay("/backchannel-signout", f"logout_token={logout_token}")
    assert answer.status_code == 200
    assert visitor.whoami()["user"] == ""
    assert SignIn.objects.get().ended is not None


def test_clm_18_sign_in_without_sid_survives_others_notices(
    visitor: Visitor, instance: Instance
) -> None:
    sign_in_with(visitor, instance, claims(sid=MISSING))
    instance.heal()

    for sid in ("", "another", None):
        instance.change("logout_token", claims(sid=sid))
        logout_token = instance.logout_token(sid="x")
        instance.heal()
        answer = visitor.relay("/backchannel-signout", f"logout_token={logout_token}")
        assert answer.status_code == (200 if sid == "another" else 400)
        assert visitor.whoami()["user"] == "maria"
