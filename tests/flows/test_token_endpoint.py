"""Rows TOK of the cases: the token request, and what may come back."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from erpnet_instanceid.models import SignIn
from erpnet_instanceid.oidc.token_set import TokenSet
from erpnet_instanceid.testing import AuthorizationAnswer, Instance
from erpnet_instanceid.tokens.held import unseal_tokens

from ..support.outcomes import Before, assert_rejected, assert_signed_in, assert_unavailable, look
from ..support.visitor import Visitor

LIFETIME = 3600


@pytest.fixture
def answer(visitor: Visitor) -> AuthorizationAnswer:
    """What the visitor is about to bring to the site."""
    return visitor.at(visitor.start())


@pytest.fixture
def before(visitor: Visitor, instance: Instance, answer: AuthorizationAnswer) -> Before:
    return look(visitor, instance)


def rewritten(instance: Instance, rewrite: Callable[[str], str | bytes], status: int = 200) -> None:
    """Has the next token answer sent as a text of the test's, made of the real one."""
    real: dict[str, Any] = {}
    instance.change("token_answer", real.update)

    def body() -> Iterator[bytes]:
        text = rewrite(json.dumps(real))
        yield text.encode() if isinstance(text, str) else text

    instance.next_token_answer(
        body=body, work=True, status=status, headers={"Content-Type": "application/json"}
    )


def kept() -> TokenSet:
    """The tokens of the only sign-in."""
    tokens = unseal_tokens(SignIn.objects.get())
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


def test_tok_02_error_is_cut_to_what_can_be_shown(
    visitor: Visitor, instance: Instance, answer: AuthorizationAnswer, before: Before
) -> None:
    instance.next_token_answer(error="e" * 5000)

    response = visitor.bring(answer)

    assert_rejected(visitor, response, before, token_requests=1, code="e" * 64, corrected=answer)


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
    "rewrite",
    [
        lambda _: "<html>maintenance</html>",
        lambda _: '{"error": "invalid_grant"}',
        lambda real: real[:-1] + ', "error": "invalid_grant"}',
        lambda real: f"[{real}]",
        lambda _: '"x"',
        lambda _: "5",
        lambda _: "null",
        lambda _: "",
        lambda real: real[:-2],
        lambda real: real + "}",
        lambda real: real.encode()[:-1] + b', "x": "\xff\xfe"}',
        lambda real: real.encode("utf-16"),
        lambda real: real.encode("utf-32-be"),
        lambda real: b"\xef\xbb\xbf" + real.encode(),
        lambda real: real[:-1] + ', "access_token": "another"}',
        lambda real: real[:-1] + ', "x": ' + "[" * 100_000 + "}",
        lambda real: real[:-1] + ', "x": ' + "9" * 10_000 + "}",
    ],
    ids=[
        "html",
        "error",
        "tokens and error",
        "list",
        "string",
        "number",
        "null",
        "empty",
        "truncated",
        "too long",
        "invalid utf-8",
        "utf-16",
        "utf-32",
        "byte order mark",
        "member twice",
        "deep",
        "long number",
    ],
)
def test_tok_04_answer_that_is_no_token_answer(
    visitor: Visitor,
    instance: Instance,
    answer: AuthorizationAnswer,
    before: Before,
    rewrite: Callable[[str], str | bytes],
) -> None:
    rewritten(instance, rewrite)

    response = visitor.bring(answer)

    assert_unavailable(visitor, response, before, token_requests=1)


@pytest.mark.parametrize("status", [201, 202, 204, 206, 302, 400, 401, 403, 404, 429, 500, 503])
def test_tok_04_tokens_with_another_status_than_200(
    visitor: Visitor, instance: Instance, answer: AuthorizationAnswer, before: Before, status: int
) -> None:
    rewritten(instance, lambda real: real, status=status)

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


def test_token_issued_while_the_site_waited_is_not_of_the_future(
    visitor: Visitor, instance: Instance, configure: Callable[..., None]
) -> None:
    configure(CLOCK_SKEW=0)
    answer = visitor.at(visitor.start())
    before = look(visitor, instance)
    instance.next_token_answer(hold=1.5)

    assert_signed_in(visitor, visitor.bring(answer), before)


@pytest.mark.parametrize("token_type", ["DPoP", "mac", "N_A", "", " Bearer", 5, ["Bearer"], None])
def test_tok_08_unknown_token_type_is_refused(
    visitor: Visitor,
    instance: Instance,
    answer: AuthorizationAnswer,
    before: Before,
    token_type: Any,
) -> None:
    instance.change("token_answer", lambda tokens: tokens.update(token_type=token_type))

    response = visitor.bring(answer)

    assert_rejected(
        visitor, response, before, token_requests=1, code="token_type_refused", corrected=answer
    )


def test_tok_09_no_token_type_is_taken_as_bearer(
    visitor: Visitor, instance: Instance, answer: AuthorizationAnswer, before: Before
) -> None:
    instance.send_token_type = False

    assert_signed_in(visitor, visitor.bring(answer), before)

    assert visitor.get("/customers").status_code == 200
    assert instance.calls("api")[0].headers["Authorization"].startswith("Bearer ")


@pytest.mark.parametrize(
    "value",
    [..., None, "", 5, [], {}, "a" * 1_000_000, "a\r\nX-Injected: y", "тест"],
    ids=["missing", "null", "empty", "number", "list", "object", "1 MB", "header", "cyrillic"],
)
def test_tok_10_unusable_access_token_is_refused(
    visitor: Visitor, instance: Instance, answer: AuthorizationAnswer, before: Before, value: Any
) -> None:
    instance.change("token_answer", lambda tokens: _set(tokens, "access_token", value))

    response = visitor.bring(answer)

    assert_rejected(
        visitor, response, before, token_requests=1, code="access_token_missing", corrected=answer
    )


@pytest.mark.parametrize(
    "value",
    [..., None, "", 5, [], {}, "a" * 1_000_000, "\x00", "тест"],
    ids=["missing", "null", "empty", "number", "list", "object", "1 MB", "NUL", "cyrillic"],
)
def test_tok_10_unusable_refresh_token_is_left_out(
    visitor: Visitor, instance: Instance, answer: AuthorizationAnswer, before: Before, value: Any
) -> None:
    instance.change("token_answer", lambda tokens: _set(tokens, "refresh_token", value))

    assert_signed_in(visitor, visitor.bring(answer), before)

    assert kept().refresh_token is None
    assert visitor.get("/customers").status_code == 200
    assert len(instance.calls("token")) == 1


@pytest.mark.parametrize(
    ("written", "lifetime"),
    [
        (None, LIFETIME),
        ('"600"', 600),
        ("0", 0),
        ("-1", 0),
        ("-1e400", LIFETIME),
        ("1.5", 1),
        ("31622400", 366 * 24 * 3600),
        ("31622401", LIFETIME),
        ("1" + 30 * "0", LIFETIME),
        ("1" + 400 * "0", LIFETIME),
        ("1e400", LIFETIME),
        ("true", LIFETIME),
        ("null", LIFETIME),
        ("[]", LIFETIME),
        ('"abc"', LIFETIME),
        ('""', LIFETIME),
        ('"-5"', LIFETIME),
        ('"٣"', LIFETIME),
        pytest.param('"' + 5000 * "1" + '"', LIFETIME, id="5000 digits"),
    ],
)
def test_tok_12_lifetime_is_bounded_whatever_is_said_of_it(
    visitor: Visitor,
    instance: Instance,
    answer: AuthorizationAnswer,
    before: Before,
    written: str | None,
    lifetime: int,
) -> None:
    def rewrite(real: str) -> str:
        tokens = json.loads(real)
        del tokens["expires_in"]
        text = json.dumps(tokens)
        return text if written is None else f'{text[:-1]}, "expires_in": {written}}}'

    rewritten(instance, rewrite)

    response = visitor.bring(answer)

    tokens = kept()
    # Where the answer does not say, the token's own `exp` does.
    assert lifetime - 5 <= tokens.lifetime <= lifetime
    assert tokens.expires_at - int(SignIn.objects.get().started.timestamp()) <= lifetime + 1
    assert response.headers["Location"] == "/"
    assert visitor.whoami()["user"] == "maria"
    assert visitor.get("/customers").status_code == 200
    # One refresh where the token had ended, and none otherwise.
    assert len(instance.calls("token", "refresh_token")) <= (lifetime <= 1)


@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity", "nan", "0x10"])
def test_tok_12_lifetime_that_is_not_json(
    visitor: Visitor, instance: Instance, answer: AuthorizationAnswer, before: Before, written: str
) -> None:
    rewritten(instance, lambda real: real.replace(f": {LIFETIME}", f": {written}"))

    response = visitor.bring(answer)

    assert_unavailable(visitor, response, before, token_requests=1, code="not_json")


def test_tok_12_opaque_token_without_lifetime_is_taken_to_live_five_minutes(
    visitor: Visitor, instance: Instance, answer: AuthorizationAnswer, before: Before
) -> None:
    instance.change("access_token", lambda _: "0123456789abcdef" * 4)
    instance.change("token_answer", lambda tokens: tokens.pop("expires_in") and None)

    assert_signed_in(visitor, visitor.bring(answer), before)

    assert kept().lifetime == 300


def test_tok_12_end_that_the_token_names_is_bounded_too(
    visitor: Visitor, instance: Instance, answer: AuthorizationAnswer, before: Before
) -> None:
    instance.change("access_token", lambda token: token.claims.update(exp=10**17))
    instance.change("token_answer", lambda tokens: tokens.pop("expires_in") and None)

    assert_signed_in(visitor, visitor.bring(answer), before)

    assert kept().lifetime == 366 * 24 * 3600


@pytest.mark.parametrize(
    ("granted", "recorded"),
    [
        ("openid read", "openid read"),
        (["openid", "read", 5], "openid read"),
        ("", ""),
        ("openid\nread", ""),
        (5, ""),
        ({}, ""),
        (None, "openid profile offline_access read update"),
        (..., "openid profile offline_access read update"),
    ],
)
def test_tok_13_scope_is_what_was_granted(
    visitor: Visitor,
    instance: Instance,
    configure: Callable[..., None],
    granted: Any,
    recorded: str,
) -> None:
    configure(SCOPE="openid profile offline_access read update")
    instance.application.scope = "read update"
    answer = visitor.at(visitor.start())
    before = look(visitor, instance)
    instance.change("token_answer", lambda tokens: _set(tokens, "scope", granted))

    assert_signed_in(visitor, visitor.bring(answer), before)

    assert visitor.whoami()["scope"] == recorded


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


def _set(tokens: dict[str, Any], name: str, value: Any) -> None:
    if value is ...:
        tokens.pop(name)
    else:
        tokens[name] = value
