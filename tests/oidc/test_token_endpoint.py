"""The token endpoint's answers: what is read from them, and what is refused. Rows TOK."""

import json

import pytest

from erpnet_instanceid.oidc.errors import (
    InstanceIDError,
    InstanceUnavailable,
    InvalidResponse,
    OAuthError,
    TokenRejected,
)
from erpnet_instanceid.oidc.token_endpoint import (
    client_credentials,
    exchange_code,
    revoke,
    spend_refresh_token,
)
from erpnet_instanceid.oidc.token_set import TokenSet

from .issuing import NOW, Kind

REQUESTED = "openid read"
YEAR = 366 * 24 * 3600
ANSWER = {
    "access_token": "access",
    "id_token": "id",
    "refresh_token": "refresh",
    "token_type": "Bearer",
    "expires_in": 600,
    "scope": "openid",
}
ACCESS = Kind("access", {"sub": "maria"}, lambda raw: {})
EVERY_GRANT = ["code", "refresh token", "client credentials"]


def ask(issuer, grant="code"):
    if grant == "refresh token":
        return spend_refresh_token(issuer.client, "spent", now=NOW).tokens
    if grant == "client credentials":
        return client_credentials(issuer.client, scope=REQUESTED, now=NOW)
    return exchange_code(
        issuer.client,
        code="spent",
        code_verifier="verifier",
        redirect_uri="https://site.test/cb",
        scope=REQUESTED,
        now=NOW,
    )


def told(issuer, grant="code", **changes):
    """The tokens that are read from an answer with these members; ``...`` leaves one out."""
    answer = {name: value for name, value in {**ANSWER, **changes}.items() if value is not ...}
    issuer.instance.next_token_answer(json=answer)
    return ask(issuer, grant)


def refusal(issuer, kind, grant="code", **answer):
    issuer.instance.next_token_answer(**answer)
    with pytest.raises(InstanceIDError) as caught:
        ask(issuer, grant)
    assert type(caught.value) is kind, (answer, caught.value)
    assert "spent" not in repr(caught.value)
    return caught.value.code


@pytest.mark.parametrize("grant", EVERY_GRANT)
def test_answer_is_read(issuer, grant):
    assert told(issuer, grant) == TokenSet("access", "id", "refresh", NOW + 600, "openid", 600)


def test_tok_01_requests_are_forms_with_credentials(issuer):
    issuer.instance.forget_requests()
    for grant in EVERY_GRANT:
        told(issuer, grant)
    credentials = {"client_id": issuer.client_id, "client_secret": issuer.client.client_secret}
    calls = issuer.instance.calls("token")
    for call in calls:
        assert (call.method, call.query) == ("POST", [])
        assert {"Authorization", "Cookie"}.isdisjoint(call.headers)
    assert [dict(call.form) for call in calls] == [
        {
            "grant_type": "authorization_code",
            "code": "spent",
            "redirect_uri": "https://site.test/cb",
            "code_verifier": "verifier",
            **credentials,
        },
        {"grant_type": "refresh_token", "refresh_token": "spent", **credentials},
        {"grant_type": "client_credentials", "scope": REQUESTED, **credentials},
    ]


@pytest.mark.parametrize("grant", EVERY_GRANT)
def test_tok_02_refusal_is_an_oauth_error(issuer, grant):
    for status in [400, 401, 403]:
        body = {"error": "invalid_grant", "error_description": "spent is spent"}
        assert refusal(issuer, OAuthError, grant, status=status, json=body) == "invalid_grant"
    assert refusal(issuer, OAuthError, grant, status=400, json={"error": "e" * 99}) == "e" * 64
    for error in ["ungültig", "a\nb", 5, None, ["invalid_grant"]]:
        code = refusal(issuer, InvalidResponse, grant, status=400, json={"error": error})
        assert code == "unexpected_status"


def test_tok_04_12_body_that_is_no_json_object_is_refused(issuer):
    """`test_jose.py` has more of them."""
    right = json.dumps(ANSWER)
    not_utf_8 = right.encode()[:-1] + b', "x": "\xff\xfe"}'
    for body in ["<html>maintenance</html>", not_utf_8, right.replace("600", "NaN")]:
        assert refusal(issuer, InvalidResponse, body=body) == "not_json"
    assert refusal(issuer, InvalidResponse, body=f"[{right}]") == "not_a_json_object"


@pytest.mark.parametrize("grant", EVERY_GRANT)
def test_tok_04_error_with_status_200_is_refused(issuer, grant):
    for body in [{"error": "invalid_grant"}, {**ANSWER, "error": None}]:
        assert refusal(issuer, InvalidResponse, grant, json=body) == "error_with_status_200"


def test_tok_04_tokens_with_another_status_are_refused(issuer):
    for status in [201, 202, 204, 206, 302, 400, 401, 403, 404]:
        code = refusal(issuer, InvalidResponse, status=status, json=ANSWER)
        assert code == "unexpected_status", status
    for status in [429, 500, 503]:
        code = refusal(issuer, InstanceUnavailable, status=status, json=ANSWER)
        assert code == "server_error", status


UNUSABLE = [..., None, "", 5, [], {}, "a" * 70_000, "a\r\nX-Injected: y", "\0", "тест"]


def test_tok_10_unusable_access_token_is_refused(issuer):
    for value in UNUSABLE:
        with pytest.raises(TokenRejected, match="access_token_missing"):
            told(issuer, access_token=value)
        # A refresh token may still be good, and is kept for later.
        with pytest.raises(InvalidResponse, match="access_token_missing"):
            told(issuer, "refresh token", access_token=value)


def test_hyb_10_code_without_an_id_token_is_refused(issuer):
    for value in UNUSABLE:
        with pytest.raises(TokenRejected, match="id_token_missing"):
            told(issuer, id_token=value)
        assert told(issuer, "refresh token", id_token=value).id_token == ""


def test_tok_10_unusable_refresh_token_is_left_out(issuer):
    for value in UNUSABLE:
        assert told(issuer, refresh_token=value).refresh_token is None


def test_tok_08_09_token_type_is_bearer_or_missing(issuer):
    for token_type in ["DPoP", "mac", "N_A", "", " Bearer", 5, ["Bearer"], None]:
        with pytest.raises(TokenRejected, match="token_type_refused"):
            told(issuer, token_type=token_type)
    for token_type in ["bearer", "BEARER", ...]:
        assert told(issuer, token_type=token_type).access_token == "access"


def test_tok_12_lifetime_is_bounded(issuer):
    for expires_in, lifetime in [("600", 600), (0, 0), (-1, 0), (1.5, 1), (YEAR, YEAR)]:
        assert told(issuer, expires_in=expires_in).lifetime == lifetime
    digits = ["1" * 5000, "-5", "", "abc", "٣"]
    for expires_in in [..., None, True, [], YEAR + 1, 10**30, 10**400, -1e308, *digits]:
        tokens = told(issuer, expires_in=expires_in)
        assert (tokens.lifetime, tokens.expires_at) == (300, NOW + 300), expires_in


def test_tok_12_lifetime_is_told_by_the_token_itself(issuer):
    for exp, lifetime in [(NOW + 900, 900), (NOW - 1, 0), (10**17, YEAR), (1e308, YEAR)]:
        from_token = issuer.token(ACCESS, lambda token, exp=exp: token.claims.update(exp=exp))
        assert told(issuer, access_token=from_token, expires_in=...).lifetime == lifetime


def test_tok_13_granted_scope_is_stored(issuer):
    for granted, scope in [
        (["openid", "read", 5], "openid read"),
        ("", ""),
        ("openid\nread", ""),
        (5, ""),
        ({}, ""),
        (None, REQUESTED),
        (..., REQUESTED),
    ]:
        assert told(issuer, scope=granted).scope == scope
    # After a refresh the one before stays.
    assert told(issuer, "refresh token", scope=...).scope == ""


def test_revocation_never_raises(issuer):
    issuer.instance.forget_requests()
    assert revoke(issuer.client, "refresh")
    (asked,) = issuer.instance.calls("revocation")
    assert (asked["token"], asked["token_type_hint"]) == ("refresh", "refresh_token")
    for fault in [{"status": 500}, {"status": 400}, {"drop": "before"}]:
        issuer.instance.next_answer("revocation", **fault)
        assert not revoke(issuer.client, "refresh")
