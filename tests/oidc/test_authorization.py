"""The authorization request, and how its answer is read and checked."""

import base64
import hashlib
from urllib.parse import parse_qsl, urlsplit

import pytest

from erpnet_instanceid.oidc.authorization import (
    AuthorizationAnswer,
    authorization_url,
    check_answer,
    new_secrets,
    read_answer,
    with_parameters,
)
from erpnet_instanceid.oidc.errors import AttemptError, InstanceIDError, OAuthError, TokenRejected

ISSUER = "https://op.test/id"
RIGHT = {"state": "s", "code": "c", "id_token": "t"}


def check(demand_issuer=False, **changes):
    fields = {name: value for name, value in {**RIGHT, **changes}.items() if value is not ...}
    answer = read_answer(fields.items())
    return check_answer(answer, issuer=ISSUER, demand_issuer=demand_issuer, demand_id_token=True)


def refusal(kind, **changes):
    with pytest.raises(InstanceIDError) as caught:
        check(**changes)
    assert type(caught.value) is kind
    return caught.value.code


def test_req_02_secrets_are_new_and_long():
    made = [new_secrets() for _ in range(1000)]
    values = [value for each in made for value in (each.state, each.nonce, each.code_verifier)]

    assert len(set(values)) == 3000
    assert {len(each.code_verifier) for each in made} == {64}
    assert {len(each.state) for each in made} == {len(each.nonce) for each in made} == {43}
    assert made[0].state not in repr(made[0])


def test_req_01_address_has_what_the_request_needs():
    secrets = new_secrets()
    url = authorization_url(
        "https://op.test/authorize?tenant=x",
        client_id="client",
        redirect_uri="https://site.test/cb",
        scope="openid read",
        response_type="code id_token",
        response_mode="form_post",
        secrets=secrets,
        login_hint="h" * 10_000,
        ui_locales="bg",
    )

    digest = hashlib.sha256(secrets.code_verifier.encode()).digest()
    assert dict(parse_qsl(urlsplit(url).query)) == {
        "tenant": "x",
        "client_id": "client",
        "redirect_uri": "https://site.test/cb",
        "scope": "openid read",
        "response_type": "code id_token",
        "response_mode": "form_post",
        "state": secrets.state,
        "nonce": secrets.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
        "login_hint": "h" * 256,
        "ui_locales": "bg",
    }
    assert secrets.code_verifier not in url


def test_req_03_parameters_are_added_to_those_there_are():
    assert (
        with_parameters("https://op.test/a", {"b": "c d", "e": None}) == "https://op.test/a?b=c+d"
    )
    assert with_parameters("https://op.test/a?t=x", {"b": "&"}) == "https://op.test/a?t=x&b=%26"


def test_cbk_14_answer_is_read_without_an_access_token():
    answer = read_answer([*RIGHT.items(), ("iss", ""), ("access_token", "secret"), ("foo", "bar")])

    assert answer == AuthorizationAnswer(state="s", code="c", id_token="t")
    assert repr(answer) == "AuthorizationAnswer(error=None, error_description=None, iss=None)"
    assert check(iss=ISSUER) == "c"


def test_cbk_05_missing_or_empty_parameter_is_refused():
    for name in ["code", "id_token"]:
        for value in [..., ""]:
            assert refusal(AttemptError, **{name: value}) == "parameter_missing"


def test_cbk_07_parameter_that_comes_twice_is_refused():
    for name in ["state", "code", "id_token", "error", "error_description", "iss"]:
        with pytest.raises(AttemptError) as caught:
            read_answer([(name, "a"), (name, "a")])
        assert caught.value.code == "parameter_repeated"


def test_cbk_12_code_is_visible_ascii():
    for code in ["a\0", "é中", "a\u200b", "a\nb", "\udcff"]:
        assert refusal(AttemptError, code=code) == "malformed_parameter", ascii(code)


def test_cbk_15_other_issuer_is_refused_before_its_error_counts():
    for iss in ["https://evil.test/id", ISSUER + "/", ISSUER.upper(), "https://op.test:443/id"]:
        assert refusal(TokenRejected, iss=iss) == "claim_mismatch"
        assert refusal(TokenRejected, iss=iss, error="access_denied") == "claim_mismatch"
    assert refusal(TokenRejected, demand_issuer=True) == "claim_missing"
    assert check(demand_issuer=True, iss=ISSUER) == "c"


def test_cbk_04_error_is_cleaned_of_what_cannot_be_shown():
    with pytest.raises(OAuthError) as caught:
        check(error="access_denied", error_description="a\r\nX: y\u2028\x1b[2J" + "z" * 10_000)
    assert caught.value.error == "access_denied"
    assert caught.value.description == "a  X: y  [2J" + "z" * 188
    for error in ["<script>", "a b", "x" * 65, "ошибка"]:
        assert refusal(OAuthError, error=error) == "unknown_error"
    with pytest.raises(OAuthError) as caught:
        check(error="a\r\nsigned_in account=1" + "z" * 10_000)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
