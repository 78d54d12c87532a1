"""Faults and changes on request."""

from __future__ import annotations

import time

import pytest
import requests
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import OctKey

from erpnet_instanceid.testing import new_key, run_instance


def get_jwks(instance, timeout=5):
    url = f"{instance.issuer}/.well-known/openid-configuration/jwks"
    return requests.get(url, timeout=timeout)


def test_next_answer_replaces_one_answer_and_does_no_work(instance, party):
    code = party.authorize()["code"]
    instance.next_token_answer(status=503, body="down")
    failed = party.redeem(code)
    assert (failed.status_code, failed.text) == (503, "down")
    assert party.redeem(code).status_code == 200


def test_error_is_short_for_an_oauth_error(instance, party):
    instance.next_token_answer(error="invalid_grant", error_description="spent")
    answer = party.redeem("x")
    assert answer.status_code == 400
    assert answer.json() == {"error": "invalid_grant", "error_description": "spent"}


def test_replaced_answer_may_come_after_the_work(instance, party):
    token = party.sign_in()["refresh_token"]
    instance.next_token_answer(status=503, work=True)
    assert party.refresh(token).status_code == 503
    assert party.refresh(token).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("value", [None, [], "x", 5, {"name": "Иван"}])
def test_any_json_can_be_the_answer(instance, party, value):
    instance.next_token_answer(json=value)
    answer = party.redeem("x")
    assert answer.json() == value
    assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"


def test_faults_queue_up_and_always_lasts_until_healed(instance, party):
    instance.always("jwks", status=500)
    instance.next_answer("jwks", status=502, times=2)
    instance.next_answer("jwks", status=503)
    statuses = [get_jwks(instance).status_code for _ in range(5)]
    assert statuses == [502, 502, 503, 500, 500]
    instance.heal()
    assert get_jwks(instance).status_code == 200


def test_fault_may_wait_for_a_grant_type(instance, party):
    instance.next_token_answer(status=503, grant_type="refresh_token")
    tokens = party.sign_in()
    assert party.refresh(tokens["refresh_token"]).status_code == 503
    assert party.refresh(tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize(("drop", "granted"), [("before", 0), ("after", 1)])
def test_answer_is_dropped_before_or_after_the_work(instance, party, drop, granted):
    token = party.sign_in()["refresh_token"]
    instance.next_token_answer(drop=drop)
    with pytest.raises(requests.ConnectionError):
        party.refresh(token)
    assert instance.refresh_tokens_granted == granted
    assert party.refresh(token).status_code == (400 if granted else 200)


def test_delay_comes_after_the_work_and_hold_before(instance, party):
    token = party.sign_in()["refresh_token"]
    instance.next_token_answer(delay=0.3)
    started = time.monotonic()
    assert party.refresh(token).status_code == 200
    assert time.monotonic() - started >= 0.3


def test_drip_sends_byte_by_byte(instance):
    instance.next_answer("jwks", body=b"0123456789", drip=50)
    started = time.monotonic()
    assert get_jwks(instance).content == b"0123456789"
    assert time.monotonic() - started >= 0.15


def test_delayed_answer_does_not_delay_the_end(key):
    started = time.monotonic()
    with run_instance(key=key) as instance:
        instance.always("jwks", delay=60)
        with pytest.raises(requests.Timeout):
            get_jwks(instance, timeout=0.2)
    assert time.monotonic() - started < 5


def test_answer_may_be_cut_short(instance):
    instance.next_answer("jwks", body=b'{"keys"', headers={"Content-Length": "100"})
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get_jwks(instance)


@pytest.mark.parametrize("alg", [None, 1, ["RS256"], {}, "none", "HS256", "RS256"])
def test_hostile_access_tokens_are_refused(instance, party, alg):
    def forge(token):
        token.header.update(alg=alg, kid=[], crit=None)
        token.sign_with = b"x"

    instance.change("access_token", forge)
    assert party.get("/profile/me", party.sign_in()["access_token"]).status_code == 401


def test_body_may_be_generated_while_it_is_sent(instance):
    instance.next_answer("jwks", body=lambda: (b"x" * 1000 for _ in range(1000)))
    assert len(get_jwks(instance).content) == 1_000_000


def test_headers_can_be_set_on_replaced_and_real_answers(instance):
    url = f"{instance.issuer}/.well-known/openid-configuration"
    instance.next_answer("discovery", status=302, headers={"Location": "http://evil.test/"})
    answer = requests.get(url, timeout=5, allow_redirects=False)
    assert answer.headers["Location"] == "http://evil.test/"
    instance.next_answer("discovery", headers={"Content-Type": "text/html"})
    answer = requests.get(url, timeout=5)
    assert answer.headers["Content-Type"] == "text/html"
    assert answer.json()["issuer"] == instance.issuer


def test_unknown_endpoint_or_target_raises(instance):
    with pytest.raises(ValueError, match="no such endpoint"):
        instance.next_answer("tokens", status=500)
    with pytest.raises(ValueError, match="no such target"):
        instance.change("frontend", print)


def test_changed_claims_are_signed_by_the_instance(instance, party):
    instance.change("front_id_token", lambda token: token.claims.update(nonce="other"))
    answer = party.authorize()
    decoded = jwt.decode(answer["id_token"], instance.keys.published, ["RS256"])
    assert decoded.claims["nonce"] == "other"
    instance.heal()
    decoded = jwt.decode(party.authorize()["id_token"], instance.keys.published, ["RS256"])
    assert decoded.claims["nonce"] == party.asked["nonce"]


def test_each_kind_of_token_has_its_own_changes(instance, party, claims):
    for target in ("front_id_token", "id_token", "access_token", "refreshed_id_token"):
        instance.change(target, lambda token, name=target: token.claims.update(target=name))
    answer = party.authorize()
    tokens = party.redeem(answer["code"]).json()
    refreshed = party.refresh(tokens["refresh_token"]).json()
    assert claims(answer["id_token"])["target"] == "front_id_token"
    assert claims(tokens["id_token"])["target"] == "id_token"
    assert claims(tokens["access_token"])["target"] == "access_token"
    assert claims(refreshed["id_token"])["target"] == "refreshed_id_token"


def test_change_may_be_limited_to_some_times(instance, party, claims):
    instance.change("front_id_token", lambda token: token.claims.update(x=1), times=1)
    assert "x" in claims(party.authorize()["id_token"])
    assert "x" not in claims(party.authorize()["id_token"])


def test_token_signed_with_another_key(instance, party):
    def forge(token):
        token.sign_with = new_key()

    instance.change("front_id_token", forge)
    token = party.authorize()["id_token"]
    with pytest.raises(BadSignatureError):
        jwt.decode(token, instance.keys.published, ["RS256"])


def test_token_signed_with_a_shared_secret(instance, party, header):
    def forge(token):
        token.header["alg"] = "HS256"
        token.sign_with = instance.application_secret.encode()

    instance.change("front_id_token", forge)
    token = party.authorize()["id_token"]
    key = OctKey.import_key(instance.application_secret)
    assert jwt.decode(token, key, ["HS256"]).claims["sub"] == "admin"


@pytest.mark.parametrize("alg", ["none", "NONE", None, 1, ["RS256"]])
def test_odd_algorithms_can_be_named(instance, party, header, alg):
    instance.change("front_id_token", lambda token: token.header.update(alg=alg))
    token = party.authorize()["id_token"]
    assert header(token)["alg"] == alg
    if isinstance(alg, str):
        assert token.endswith(".")


def test_raw_payload_signature_and_token(instance, party):
    def forge(token):
        token.payload = b'{"sub":"a","sub":"b"}'
        token.signature = b"\0" * 64

    instance.change("front_id_token", forge, times=1)
    token = party.authorize()["id_token"]
    assert token.endswith("." + "A" * 86)
    instance.change("front_id_token", lambda _: "a.b.c", times=1)
    assert party.authorize()["id_token"] == "a.b.c"


def test_opaque_access_token_is_accepted(instance, party, claims):
    instance.change("access_token", lambda _: "0" * 64)
    tokens = party.sign_in("maria")
    assert tokens["access_token"] == "0" * 64
    assert party.get("/id/connect/userinfo", "0" * 64).json()["sub"] == "maria"
    assert party.get("/api/domain/odata/Crm_Sales_Customers", "0" * 64).status_code == 200


def test_answers_and_documents_can_be_changed(instance, party):
    instance.change("authorization_answer", lambda params: params.append(("code", "second")))
    assert [v for k, v in party.authorize().fields if k == "code"][1] == "second"
    instance.change("token_answer", lambda answer: answer.update(expires_in="3600"))
    assert party.sign_in()["expires_in"] == "3600"
    instance.change("userinfo", lambda _: ["not", "an", "object"])
    token = party.sign_in()["access_token"]
    assert party.get("/id/connect/userinfo", token).json() == ["not", "an", "object"]
    instance.change("discovery", lambda document: document.pop("userinfo_endpoint") and None)
    assert "userinfo_endpoint" not in party.discovery()
    instance.change("jwks", lambda document: {"keys": []})
    assert party.discovery("/jwks") == {"keys": []}


def test_code_can_be_chosen_and_its_hash_follows(instance, party, claims):
    instance.change("code", lambda _: "a+b/c=d%26e~._-")
    answer = party.authorize()
    assert answer["code"] == "a+b/c=d%26e~._-"
    assert party.redeem(answer["code"]).status_code == 200


def test_clock_of_the_instance_can_be_ahead(instance, party, claims):
    instance.clock_offset = 120
    front = claims(party.authorize()["id_token"])
    assert front["iat"] == front["nbf"] >= time.time() + 118


def test_requests_are_recorded_as_they_arrived(instance, party):
    party.sign_in()
    (call,) = instance.calls("token")
    assert call.method == "POST"
    assert call["grant_type"] == "authorization_code"
    assert call.get("missing") is None
    assert call.query == []
    assert "Authorization" not in call.headers
    assert b"code_verifier" in call.body
    assert [r.endpoint for r in instance.requests] == ["authorize", "sign_in", "token"]
    assert len(instance.wait_for_calls("token", 1)) == 1
    with pytest.raises(TimeoutError):
        instance.wait_for_calls("token", 2, timeout=0.05)
    instance.forget_requests()
    assert instance.requests == []


def test_reset_forgets_everything_but_address_and_key(instance, party):
    kid = instance.kid
    token = party.sign_in("maria")["refresh_token"]
    instance.access_token_lifetime = 5
    instance.register(secret="other")
    instance.always("token", status=500)
    instance.reset()
    assert instance.kid == kid
    assert instance.access_token_lifetime == 3600
    assert not instance.has_session("maria")
    assert party.refresh(token).json()["error"] == "invalid_grant"
    assert party.sign_in()["access_token"]
