"""Refreshing, revoking and ending tokens."""

from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest

from .conftest import claims


def test_refresh_returns_a_new_token_and_ends_the_old_one(instance, party):
    tokens = party.sign_in("maria")
    refreshed = party.refresh(tokens["refresh_token"])
    assert refreshed.status_code == 200
    assert refreshed.json()["refresh_token"] != tokens["refresh_token"]
    assert claims(refreshed.json()["id_token"])["sid"] == claims(tokens["id_token"])["sid"]
    again = party.refresh(tokens["refresh_token"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert party.refresh(refreshed.json()["refresh_token"]).status_code == 200
    assert (instance.refresh_tokens_granted, instance.refresh_tokens_refused) == (2, 1)


def test_refresh_keeps_its_time_after_another_sign_in(instance, party):
    """OpenID Connect Core 12.2."""
    tokens = party.sign_in("maria")
    instance.clock_offset = 60
    party.redeem(party.authorize("maria", prompt="login")["code"])
    for _ in range(2):
        refreshed = party.refresh(tokens["refresh_token"]).json()
        assert claims(refreshed["id_token"])["auth_time"] == claims(tokens["id_token"])["auth_time"]
        tokens = refreshed


def test_one_of_many_concurrent_refreshes_wins(party):
    token = party.sign_in()["refresh_token"]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(party.refresh, [token] * 12))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 11


def test_no_refresh_token_without_offline_access(party):
    assert "refresh_token" not in party.sign_in(scope="openid profile read")


def test_refresh_token_expires(instance, party):
    token = party.sign_in()["refresh_token"]
    instance.clock_offset = 31 * 24 * 3600
    assert party.refresh(token).json()["error"] == "invalid_grant"


def test_expired_access_token_gets_401(instance, party):
    instance.access_token_lifetime = 2
    token = party.sign_in()["access_token"]
    assert party.get("/id/connect/userinfo", token).status_code == 200
    instance.clock_offset = 3
    answer = party.get("/id/connect/userinfo", token)
    assert answer.status_code == 401
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


def test_service_token_has_no_claims_about_a_person(instance, party):
    tokens = party.ask("client_credentials", scope="read update").json()
    found = claims(tokens["access_token"])
    assert "refresh_token" not in tokens
    assert "id_token" not in tokens
    for name in ("sub", "id", "name", "user_type", "is_admin", "sid"):
        assert name not in found
    assert found["client_id"] == instance.application_uri
    assert party.get("/profile/me", tokens["access_token"]).status_code == 403
    assert party.get("/id/connect/userinfo", tokens["access_token"]).status_code == 403


def test_service_token_scopes(instance, party):
    assert party.ask("client_credentials").json()["scope"] == "read update"
    refused = party.ask("client_credentials", scope="openid read")
    assert refused.json()["error"] == "invalid_scope"
    instance.register(system_user_allowed=False)
    assert party.ask("client_credentials").json()["error"] == "unauthorized_client"


@pytest.mark.parametrize("keep_old", [False, True])
def test_old_access_tokens_hold_while_their_key_is_published(instance, party, keep_old):
    old_kid = instance.kid
    token = party.sign_in()["access_token"]
    new_kid = instance.rotate_keys(keep_old=keep_old)
    newer = party.sign_in()["access_token"]
    assert jwt.get_unverified_header(newer)["kid"] == new_kid != old_kid
    published = party.discovery("/jwks")["keys"]
    assert [key["kid"] for key in published] == ([new_kid, old_kid] if keep_old else [new_kid])
    assert "d" not in published[0]
    status = party.get("/id/connect/userinfo", token).status_code
    assert status == (200 if keep_old else 401)
