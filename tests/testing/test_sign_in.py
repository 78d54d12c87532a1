"""Signing in at the stand-in, by hand over HTTP."""

import base64
import hashlib
from urllib.parse import parse_qsl

import jwt
import pytest
import requests

from .conftest import claims


def half_hash(value):
    digest = hashlib.sha256(value.encode()).digest()[:16]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_tokens_are_like_those_of_an_instance(instance, party):
    answer = party.authorize("admin")
    assert (answer.method, answer.url) == ("POST", party.asked["redirect_uri"])
    assert answer["state"] == party.asked["state"]
    front = claims(answer["id_token"])
    both = {
        "iss": instance.issuer,
        "aud": instance.application_uri,
        "sub": "admin",
        "nonce": party.asked["nonce"],
        "s_hash": half_hash(party.asked["state"]),
    }
    assert front.items() >= {**both, "c_hash": half_hash(answer["code"])}.items()
    assert front["exp"] - front["iat"] == 300
    assert {"at_hash", "name"}.isdisjoint(front)

    tokens = party.redeem(answer["code"]).json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3600)
    assert tokens["scope"] == party.asked["scope"]
    back = claims(tokens["id_token"])
    assert back.items() >= {**both, "at_hash": half_hash(tokens["access_token"])}.items()
    assert (back["sid"], back["auth_time"]) == (front["sid"], front["auth_time"])
    assert "c_hash" not in back

    assert jwt.get_unverified_header(tokens["access_token"])["typ"] == "at+jwt"
    access = claims(tokens["access_token"])
    assert access["aud"][0] == "DomainAPI"
    assert access["client_id"] == instance.application_uri
    assert access["id"] == instance.people["admin"].id
    assert (access["is_admin"], access["email_verified"]) == ("true", "true")
    assert access["user_type"] == "InternalUser"
    assert access["scope"] == party.asked["scope"].split()


def test_discovery_names_the_endpoints_it_serves(instance, party):
    document = party.discovery()
    assert document["issuer"] == instance.issuer
    for name, url in document.items():
        if name.endswith("_endpoint"):
            assert requests.get(url, timeout=5, allow_redirects=False).status_code != 404, name


@pytest.mark.parametrize("verifier", ["x" * 64, ""])
def test_code_is_spent_by_a_wrong_verifier(party, verifier):
    code = party.authorize()["code"]
    wrong = party.redeem(code, code_verifier=verifier)
    assert wrong.status_code == 400
    assert party.redeem(code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "openid admin"}, "invalid_scope"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"nonce": None}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
def test_errors_use_the_response_mode_of_the_request(party, changes, error):
    answer = party.authorize(None, **changes)
    assert answer.method == "POST"
    assert answer["error"] == error
    assert answer["state"] == party.asked["state"]
    assert answer.get("code") is None


@pytest.mark.parametrize("odd", ['co"de', "co\\de", "\0", "é", ""])
def test_odd_parameters_do_not_crash(instance, party, odd):
    for name in ("response_type", "client_id", "redirect_uri", "scope", "response_mode"):
        answer = party.authorize("admin", **{name: odd})
        assert answer.status in {200, 302, 400}, (name, answer.status)
    assert party.ask(odd).status_code == 400


def test_refused_sign_in_has_an_error(instance, party):
    cancelled = party.authorize("")
    assert cancelled["error"] == "access_denied"
    instance.register(community_users_allowed=False)
    assert party.authorize("community")["error"] == "access_denied"
    instance.register(is_enabled=False)
    assert party.authorize("admin")["error"] == "unauthorized_client"


def test_unknown_application_gets_a_page(party):
    answer = party.authorize(client_id="someone.else")
    assert (answer.status, answer.method) == (400, "")
    assert "invalid_client" in answer.page


def test_credentials_in_a_header_are_refused(instance, party):
    credentials = instance.application_uri, instance.application_secret
    form = {"grant_type": "client_credentials", "scope": "read"}
    url = f"{instance.issuer}/connect/token"
    answer = requests.post(url, data=form, auth=credentials, timeout=5)
    assert answer.json()["error"] == "invalid_client"


def test_sign_in_page_lists_people_and_cannot_be_framed(instance, party):
    page = requests.get(party.authorize_url(), timeout=5)
    assert page.status_code == 200
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Cache-Control"] == "no-store"
    assert "Мария Иванова" in page.text
    assert "Nightly Import" not in page.text
    assert "<script" not in page.text


def test_form_post_page_escapes_the_sites_values(instance, party):
    instance.auto_sign_in = "admin"
    page = requests.get(party.authorize_url(state='"><script>alert(1)</script>'), timeout=5)
    assert "<script>alert" not in page.text


def test_session_cookie_has_its_own_name_and_path(instance, party):
    party.authorize("maria")
    (cookie,) = party.http.cookies
    assert cookie.name not in {"sessionid", "csrftoken", "messages"}
    assert cookie.path == "/id"
    assert cookie.name.endswith(instance.url.rpartition(":")[2])


def test_prompt_login_keeps_the_session_of_the_same_person(party):
    first = claims(party.authorize("maria")["id_token"])
    assert party.authorize(None, prompt="login").method == ""
    again = claims(party.authorize("maria", prompt="login")["id_token"])
    assert again["sid"] == first["sid"]
    other = claims(party.authorize("admin", prompt="login")["id_token"])
    assert other["sid"] != first["sid"]


def test_max_age_asks_again_after_an_older_sign_in(instance, party):
    first = claims(party.authorize("maria")["id_token"])
    assert party.authorize(None, max_age="300")["code"]
    instance.clock_offset = 301
    assert party.authorize(None, max_age="300").method == ""
    again = claims(party.authorize("maria", max_age="300")["id_token"])
    assert again["auth_time"] > first["auth_time"]
    assert party.authorize("maria", max_age="0")["code"]


def test_login_hint_puts_the_person_first(party):
    page = party.authorize(None, login_hint="community").page
    assert page.index("Chris Customer") < page.index("Elena Dimitrova")


def test_auto_sign_in_shows_no_page_with_prompt_none(instance, party):
    instance.auto_sign_in = "maria"
    assert party.authorize(None, prompt="none")["error"] == "login_required"
    assert claims(party.authorize(None)["id_token"])["sub"] == "maria"


def test_authorize_takes_a_post(party):
    url, _, query = party.authorize_url().partition("?")
    page = requests.post(url, data=dict(parse_qsl(query)), timeout=5)
    assert party.asked["nonce"] in page.text


def test_iss_is_sent_and_announced_when_switched_on(instance, party):
    assert party.authorize().get("iss") is None
    instance.send_iss = True
    assert party.authorize()["iss"] == instance.issuer
    assert party.discovery()["authorization_response_iss_parameter_supported"] is True


def test_response_mode_can_be_overridden(instance, party):
    instance.response_mode = "query"
    answer = party.authorize()
    assert answer.method == "GET"
    assert answer["code"]


def test_rename_keeps_the_id_and_shows_in_the_next_session(instance, party):
    tokens = party.sign_in("maria")
    instance.rename("maria", "maria.ivanova")
    refreshed = party.refresh(tokens["refresh_token"]).json()
    assert claims(refreshed["id_token"])["sub"] == "maria"
    party.http.cookies.clear()
    renamed = claims(party.sign_in("maria.ivanova")["access_token"])
    assert renamed["id"] == claims(tokens["access_token"])["id"]


def test_inactive_people_get_nothing(instance, party):
    tokens = party.sign_in("maria")
    instance.people["maria"].is_active = False
    assert party.refresh(tokens["refresh_token"]).status_code == 400
    instance.auto_sign_in = "maria"
    assert party.authorize(None)["error"] == "access_denied"
