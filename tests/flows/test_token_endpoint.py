"""Rows TOK of the cases: the token request, and what its answer does to a sign-in. How the answer
is read is in tests/oidc."""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from erpnet_instanceid.conf import conf
from erpnet_instanceid.models import SignIn
from erpnet_instanceid.oidc.token_set import TokenSet
from erpnet_instanceid.testing import AuthorizationAnswer, Instance

from ..support.outcomes import (
    Before,
    assert_rejected,
    assert_signed_in,
    assert_unavailable,
    look,
    within,
)
from ..support.visitor import Visitor

LIFETIME = 3600


@pytest.fixture
def answer(visitor: Visitor) -> AuthorizationAnswer:
    """The answer that the visitor is about to bring to the site."""
    return visitor.at(visitor.start())


@pytest.fixture
def before(visitor: Visitor, instance: Instance, answer: AuthorizationAnswer) -> Before:
    return look(visitor, instance)


def kept() -> TokenSet:
    """The tokens of the only sign-in."""
    tokens = SignIn.objects.get().token_set()
    assert tokens is not None
    return tokens


def test_tok_01_request_is_a_form_with_all_that_belongs_in_it(
    visitor: Visitor, instance: Instance, answer: AuthorizationAnswer, before: Before
) -> None:
    assert_signed_in(visitor, visitor.bring(answer), before)

    (asked,), (authorize, *_) = instance.calls("token"), instance.calls("authorize")
    assert asked.method == "POST"
    assert asked.query == []
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "Authorization" not in asked.headers
    assert "Cookie" not in asked.headers
    form = dict(asked.form)
    assert len(form) == len(asked.form)
    verifier = form.pop("code_verifier")
    assert form == {
        "grant_type": "authorization_code",
        "code": answer["code"],
        "redirect_uri": authorize["redirect_uri"],
        "client_id": instance.application_uri,
        "client_secret": instance.application_secret,
    }
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert authorize["code_challenge"] == challenge


def test_tok_02_refused_code_ends_the_sign_in(
    visitor: Visitor, instance: Instance, answer: AuthorizationAnswer, before: Before
) -> None:
    instance.next_token_answer(
        error="invalid_grant", error_description=f"code {answer['code']} is spent"
    )

    response = visitor.bring(answer)

    assert_rejected(
        visitor, response, before, token_requests=1, code="invalid_grant", corrected=answer
    )


@pytest.mark.parametrize(
    ("status", "error"), [(401, "invalid_client"), (400, "unauthorized_client")]
)
def test_tok_02_refused_application_is_the_operators_to_mend(
    visitor: Visitor,
    instance: Instance,
    answer: AuthorizationAnswer,
    before: Before,
    caplog: pytest.LogCaptureFixture,
    status: int,
    error: str,
) -> None:
    description = f"bad secret {instance.application_secret}"
    instance.next_token_answer(status=status, error=error, error_description=description)

    response = visitor.bring(answer)

    assert_unavailable(visitor, response, before, token_requests=1, code=error)
    (told,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert told.name == "erpnet_instanceid"
    assert error in told.getMessage()


@pytest.mark.parametrize(
    "fault", [{"json": {"error": "invalid_grant"}}, {"body": "<html>"}, {"status": 503}], ids=str
)
def test_tok_04_answer_without_tokens_is_a_passing_failure(
    visitor: Visitor,
    instance: Instance,
    answer: AuthorizationAnswer,
    before: Before,
    fault: dict[str, Any],
) -> None:
    instance.next_token_answer(**fault)

    response = visitor.bring(answer)

    assert_unavailable(visitor, response, before, token_requests=1)


@pytest.mark.parametrize(
    "fault", [{"drop": "before"}, {"drop": "after"}, {"delay": 30}, {"drip": 20}], ids=str
)
def test_tok_04_lost_answer_is_not_asked_for_again(
    visitor: Visitor,
    instance: Instance,
    configure: Callable[..., None],
    answer: AuthorizationAnswer,
    before: Before,
    fault: dict[str, Any],
) -> None:
    configure(DEADLINE=0.5)
    instance.next_token_answer(**fault)

    response = visitor.bring(answer)

    assert_unavailable(visitor, response, before, token_requests=1)


def test_fld_12_code_is_not_spent_after_a_slow_look_up(
    visitor: Visitor,
    instance: Instance,
    configure: Callable[..., None],
    answer: AuthorizationAnswer,
    before: Before,
    slow_names: Callable[..., None],
) -> None:
    configure(DEADLINE=1)
    # Metadata and keys are there before the look-up becomes slow.
    conf.client.provider.keys()
    slow_names(2, instance.url)

    with within(2):
        response = visitor.bring(answer)

    assert_unavailable(visitor, response, before, code="timeout")


def test_token_issued_while_the_site_waited_signs_in(
    visitor: Visitor, instance: Instance, configure: Callable[..., None]
) -> None:
    configure(CLOCK_SKEW=0)
    answer = visitor.at(visitor.start())
    before = look(visitor, instance)
    instance.next_token_answer(hold=1.5)

    assert_signed_in(visitor, visitor.bring(answer), before)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        pytest.param("token_type", "DPoP", "token_type_refused", id="tok_08 DPoP"),
        pytest.param("access_token", None, "access_token_missing", id="tok_10 no access token"),
        pytest.param("id_token", None, "id_token_missing", id="hyb_10 no ID token"),
    ],
)
def test_unusable_answer_ends_the_sign_in(
    visitor: Visitor,
    instance: Instance,
    answer: AuthorizationAnswer,
    before: Before,
    name: str,
    value: Any,
    code: str,
) -> None:
    instance.change("token_answer", lambda tokens: tokens.update({name: value}))

    response = visitor.bring(answer)

    assert_rejected(visitor, response, before, token_requests=1, code=code, corrected=answer)


def test_tok_09_no_token_type_is_taken_as_bearer(
    visitor: Visitor, instance: Instance, answer: AuthorizationAnswer, before: Before
) -> None:
    instance.send_token_type = False

    assert_signed_in(visitor, visitor.bring(answer), before)

    assert visitor.get("/customers").status_code == 200
    assert instance.calls("api")[0].headers["Authorization"].startswith("Bearer ")


def test_tok_10_sign_in_without_refresh_token_works(
    visitor: Visitor, instance: Instance, answer: AuthorizationAnswer, before: Before
) -> None:
    instance.change("token_answer", lambda tokens: tokens.update(refresh_token="тест"))

    assert_signed_in(visitor, visitor.bring(answer), before)

    assert kept().refresh_token is None
    assert visitor.get("/customers").status_code == 200
    assert len(instance.calls("token")) == 1


@pytest.mark.parametrize(
    ("expires_in", "lifetime"), [(0, 0), (-1, 0), (10**30, LIFETIME), ("abc", LIFETIME)]
)
def test_tok_12_odd_lifetime_causes_no_refresh_loop(
    visitor: Visitor,
    instance: Instance,
    answer: AuthorizationAnswer,
    expires_in: Any,
    lifetime: int,
) -> None:
    instance.change("token_answer", lambda tokens: tokens.update(expires_in=expires_in), times=1)

    assert visitor.bring(answer).headers["Location"] == "/"

    # Where the answer does not say, the token's own `exp` does.
    assert lifetime - 5 <= kept().lifetime <= lifetime
    assert visitor.whoami()["user"] == "maria"
    assert visitor.get("/customers").status_code == 200
    # One refresh where the token had ended, and none otherwise.
    assert len(instance.calls("token", "refresh_token")) == (lifetime == 0)


def test_tok_13_granted_scope_is_stored(
    visitor: Visitor, instance: Instance, answer: AuthorizationAnswer, before: Before
) -> None:
    instance.change("token_answer", lambda tokens: tokens.update(scope="openid read"))

    assert_signed_in(visitor, visitor.bring(answer), before)

    assert visitor.whoami()["scope"] == "openid read"


@pytest.mark.parametrize("where", ["NETRC", "HOME"])
def test_tok_15_credentials_of_the_host_are_left_alone(
    visitor: Visitor,
    instance: Instance,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    where: str,
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login operator password of-the-host\n")
    monkeypatch.setenv(where, str(tmp_path / (".netrc" if where == "NETRC" else "")))
    # A token that tells nothing makes the site ask userinfo.
    instance.change("access_token", lambda _: "0123456789abcdef" * 4)
    before = look(visitor, instance)

    assert_signed_in(visitor, visitor.sign_in(), before)
    assert visitor.get("/customers").status_code == 200

    for endpoint in ("discovery", "jwks", "token"):
        assert [call.headers.get("Authorization") for call in instance.calls(endpoint)] == [None]
    for endpoint in ("userinfo", "api"):
        (call,) = instance.calls(endpoint)
        assert call.headers["Authorization"] == f"Bearer {kept().access_token}"
