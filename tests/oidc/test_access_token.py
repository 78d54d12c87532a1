"""Claims of access tokens and of userinfo: which ones count. Rows UIN."""

from erpnet_instanceid.oidc.access_token import access_token_claims, userinfo_claims
from erpnet_instanceid.oidc.errors import InstanceIDError
from erpnet_instanceid.testing import new_key

from ..support.forging import MISSING, claims, header
from .issuing import NOW, TIMES, Kind

ACCESS = Kind("access", {**TIMES, "sub": "maria", "is_admin": "true"}, lambda raw: {})


def told(issuer, forge=None):
    def with_client_id(token):
        token.claims["client_id"] = issuer.client_id
        token.header["typ"] = "at+jwt"
        return forge(token) if forge is not None else None

    raw = issuer.token(ACCESS, with_client_id)
    return dict(access_token_claims(raw, client=issuer.client, subject="maria", now=NOW))


def test_pos_16_access_token_of_ours_tells_its_claims(issuer):
    assert told(issuer)["is_admin"] == "true"
    assert told(issuer, claims(aud=["DomainAPI", "TableAPI"]))["is_admin"] == "true"


def test_uin_09_11_token_that_fails_a_check_tells_nothing(issuer):
    for name, values in {
        "iss": [issuer.instance.issuer + "/", MISSING],
        "client_id": ["other", [issuer.client_id], MISSING],
        "sub": ["ivan", ["maria"], MISSING],
        "exp": [NOW - 61, "9999999999", MISSING],
    }.items():
        for value in values:
            assert told(issuer, claims(**{name: value})) == {}, (name, value)
    assert told(issuer, header(typ="dpop+jwt")) == {}
    assert told(issuer, lambda token: setattr(token, "sign_with", new_key())) == {}
    for opaque in ["0123456789ABCDEF" * 4, "a.b.c", "", "a.b", "a.b.c.d"]:
        assert told(issuer, lambda token, opaque=opaque: opaque) == {}


def ask_userinfo(issuer, **answer):
    issuer.instance.next_answer("userinfo", **answer)
    try:
        return userinfo_claims("access", client=issuer.client, subject="maria")
    except InstanceIDError as error:
        return error.code


def test_uin_01_userinfo_of_another_person_is_refused(issuer):
    assert ask_userinfo(issuer, json={"sub": "maria", "name": "M"})["name"] == "M"
    for sub in ["mariainvalid", "Maria", None, ["maria"], ""]:
        assert ask_userinfo(issuer, json={"sub": sub}) == "claim_mismatch"
    assert ask_userinfo(issuer, json={"name": "M"}) == "claim_mismatch"


def test_uin_02_03_userinfo_is_a_json_object(issuer):
    assert ask_userinfo(issuer, body="eyJhbGciOiJub25lIn0.e30.") == "not_json"
    assert ask_userinfo(issuer, json=[]) == "not_a_json_object"


def test_uin_03_04_userinfo_comes_with_a_200(issuer):
    """A redirect is not followed."""
    for status in [204, 302, 401, 403]:
        assert ask_userinfo(issuer, status=status, json={}) == "unexpected_status"
    assert ask_userinfo(issuer, status=500) == "server_error"


def test_uin_05_access_token_goes_in_the_header(issuer):
    issuer.instance.forget_requests()
    ask_userinfo(issuer, json={"sub": "maria"})
    (call,) = issuer.instance.calls("userinfo")
    assert call.headers["Authorization"] == "Bearer access"
    assert (call.query, call.form, call.body) == ([], [], b"")
