"""Rows STA of the cases: one answer belongs to one attempt of one browser."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookiejar import Cookie
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from django.contrib.sessions.models import Session

from erpnet_instanceid.models import SignIn
from erpnet_instanceid.testing import AuthorizationAnswer, Instance

from ..support.forging import claims
from ..support.outcomes import (
    REDIRECTS,
    Before,
    assert_ignored,
    assert_nothing_came_of_it,
    assert_rejected,
    assert_signed_in,
    assert_unavailable,
    look,
)
from ..support.visitor import Visitor

NewVisitor = Callable[..., Visitor]
DAY = 24 * 3600


def replaced(answer: AuthorizationAnswer, **values: str) -> list[tuple[str, str]]:
    return list((dict(answer.fields) | values).items())


def attempt_cookies(visitor: Visitor) -> list[Cookie]:
    return visitor.cookies("erpnet_signin_")


# Whose state


def test_sta_01_state_that_nobody_issued_is_refused(visitor: Visitor, instance: Instance) -> None:
    honest = visitor.at(visitor.start())
    fields = replaced(honest, state=secrets.token_urlsafe(32))
    before = look(visitor, instance)

    response = visitor.bring(honest, fields)

    assert_rejected(visitor, response, before, code="unknown_attempt")


def test_sta_02_answer_of_another_browser_is_refused(
    visitor: Visitor, new_visitor: NewVisitor, instance: Instance
) -> None:
    attacker = new_visitor()
    answer = attacker.at(attacker.start(), "admin")
    before = look(visitor, instance)

    response = visitor.bring(answer)

    assert_rejected(visitor, response, before, code="unknown_attempt")
    assert Session.objects.count() == 0
    assert visitor.cookies("sessionid") == []


def test_sta_02_relayed_answer_of_another_browser_is_refused(
    visitor: Visitor, new_visitor: NewVisitor, instance: Instance
) -> None:
    attacker = new_visitor()
    answer = attacker.at(attacker.start(), "admin")
    onward = attacker.relay(answer.url, urlencode(answer.fields)).headers["Location"]
    visitor.start()
    before = look(visitor, instance)

    # With the attacker's answer, as the site sealed it, but not with the attacker's attempt.
    (carried,) = attacker.cookies("erpnet_answer")
    visitor.http.cookies.set_cookie(carried)
    response = visitor.arrive(onward)

    assert_rejected(visitor, response, before, code="unknown_attempt")


# Once


def test_sta_04_replay_in_the_same_browser_changes_nothing(
    visitor: Visitor, instance: Instance
) -> None:
    answer = visitor.at(visitor.start("/private"))
    assert visitor.bring(answer).headers["Location"] == "/private"
    before = look(visitor, instance)

    response = visitor.bring(answer)

    assert_ignored(visitor, response, before)
    assert response.headers["Location"] == "/private"


def test_sta_04_replay_with_the_old_cookies_changes_nothing(
    visitor: Visitor, instance: Instance
) -> None:
    answer = visitor.at(visitor.start())
    kept = attempt_cookies(visitor)
    visitor.bring(answer)
    before = look(visitor, instance)
    for cookie in kept:
        visitor.http.cookies.set_cookie(cookie)

    response = visitor.bring(answer)

    # The claim in the table stops it; the visitor is sent to the instance with a new attempt.
    assert response.status_code in REDIRECTS
    assert response.headers["Location"].startswith(f"{instance.issuer}/connect/authorize?")
    assert answer["state"] not in response.headers["Location"]
    assert_nothing_came_of_it(visitor, before)


def test_sta_04_new_attempt_asks_for_as_fresh_a_sign_in(visitor: Visitor) -> None:
    """Or a page that wants somebody at the keyboard would be content with an old session."""
    answer = visitor.at(visitor.start(max_age="300"))
    kept = attempt_cookies(visitor)
    visitor.bring(answer)
    for cookie in kept:
        visitor.http.cookies.set_cookie(cookie)

    again = visitor.bring(answer).headers["Location"]

    assert parse_qs(urlsplit(again).query)["max_age"] == ["300"]


def test_sta_04_replay_after_sign_out_is_refused(visitor: Visitor, instance: Instance) -> None:
    answer = visitor.at(visitor.start())
    visitor.bring(answer)
    visitor.post("/signout")
    before = look(visitor, instance)
    assert before.who["user"] == ""

    response = visitor.bring(answer)

    assert_rejected(visitor, response, before, code="unknown_attempt")


def test_sta_06_failed_attempt_is_over(visitor: Visitor, instance: Instance) -> None:
    address = visitor.start()
    honest = visitor.at(address)
    instance.change("front_id_token", claims(nonce="another"), times=1)
    wrong = visitor.at(address)
    before = look(visitor, instance)

    response = visitor.bring(wrong)

    assert_rejected(visitor, response, before, code="claim_mismatch", corrected=honest)
    assert attempt_cookies(visitor) == []


@contextmanager
def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> Iterator[None]:
    """The whole process, stand-in and browsers included, so much later."""
    now = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now() + seconds)
        yield


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(901, "attempt_expired"), (3599, "attempt_expired"), (DAY, "unknown_attempt")],
)
def test_sta_06_answer_after_the_lifetime_is_refused(
    visitor: Visitor,
    instance: Instance,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    code: str,
) -> None:
    address = visitor.start()
    before = look(visitor, instance)

    with later(monkeypatch, seconds):
        honest = visitor.at(address)
        before = look(visitor, instance)
        response = visitor.bring(honest)
        assert_rejected(visitor, response, before, code=code, corrected=honest)


def test_sta_06_late_answer_is_refused_with_the_cookie_in_place(
    visitor: Visitor, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = visitor.start()
    for cookie in attempt_cookies(visitor):
        cookie.expires = int(time.time()) + 2 * DAY

    with later(monkeypatch, DAY):
        honest = visitor.at(address)
        before = look(visitor, instance)
        response = visitor.bring(honest)
        assert_rejected(visitor, response, before, code="unknown_attempt")


def test_sta_06_lifetime_is_the_one_of_the_settings(
    visitor: Visitor,
    instance: Instance,
    monkeypatch: pytest.MonkeyPatch,
    configure: Callable[..., None],
) -> None:
    configure(SIGN_IN_LIFETIME=1800)
    address = visitor.start()

    with later(monkeypatch, 1700):
        honest = visitor.at(address)
        before = look(visitor, instance)
        assert_signed_in(visitor, visitor.bring(honest), before)


# Which attempt


def test_sta_06_slow_answer_is_asked_for_again(
    visitor: Visitor, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = visitor.at(visitor.start())
    relayed = visitor.relay(answer.url, urlencode(answer.fields))
    # Not the browser's doing: it would have dropped the cookie by then.
    for cookie in visitor.cookies("erpnet"):
        cookie.expires = None
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 62)

    response = visitor.arrive(relayed.headers["Location"])

    assert response.headers["Location"].startswith(instance.issuer)
    assert not instance.calls("token")


def test_sta_07_answer_with_another_attempts_state_is_refused(
    visitor: Visitor, instance: Instance
) -> None:
    first = visitor.at(visitor.start())
    second = visitor.at(visitor.start())
    before = look(visitor, instance)

    response = visitor.bring(first, replaced(first, state=second["state"]))

    assert_rejected(visitor, response, before, code="claim_mismatch", corrected=second)
    # The other tab has not been touched.
    assert_signed_in(visitor, visitor.bring(first), before)


def test_sta_07_carried_answer_completes_no_other_attempt(
    visitor: Visitor, instance: Instance
) -> None:
    first = visitor.at(visitor.start())
    second = visitor.at(visitor.start())
    onward_first = visitor.relay(first.url, urlencode(first.fields)).headers["Location"]
    visitor.relay(second.url, urlencode(second.fields))
    before = look(visitor, instance)

    # The answer of the second is in the cookie now, and the first tab comes back.
    response = visitor.arrive(onward_first)

    assert response.status_code in REDIRECTS
    assert response.headers["Location"].startswith(f"{instance.issuer}/connect/authorize?")
    assert_nothing_came_of_it(visitor, before)


# The cookie


def with_cookie_header(
    visitor: Visitor, answer: AuthorizationAnswer, header: Callable[[str, str], str]
) -> requests.Response:
    """Brings the answer, the attempt's cookie being what ``header`` makes of name and value."""
    (attempt,) = attempt_cookies(visitor)
    onward = visitor.relay(answer.url, urlencode(answer.fields)).headers["Location"]
    others = [f"{c.name}={c.value}" for c in visitor.http.cookies if c.name != attempt.name]
    sent = "; ".join([*others, header(attempt.name, attempt.value or "")])
    kept = list(visitor.http.cookies)
    visitor.http.cookies.clear()
    response = visitor.get(onward, headers={"Cookie": sent})
    for cookie in kept:
        visitor.http.cookies.set_cookie(cookie)
    return response


def flipped(value: str, position: int) -> str:
    return value[:position] + ("A" if value[position] != "A" else "B") + value[position + 1 :]


SPOILED: dict[str, Callable[[str, str], str]] = {
    "flipped at the start": lambda name, value: f"{name}={flipped(value, 1)}",
    "flipped in the middle": lambda name, value: f"{name}={flipped(value, len(value) // 2)}",
    "flipped near the end": lambda name, value: f"{name}={flipped(value, len(value) - 6)}",
    "truncated": lambda name, value: f"{name}={value[:-8]}",
    "half": lambda name, value: f"{name}={value[: len(value) // 2]}",
    "empty": lambda name, value: f"{name}=",
    "8 kB of garbage": lambda name, value: f"{name}={secrets.token_urlsafe(6000)}",
    "not ASCII": lambda name, value: f"{name}=\xe9{value}",
    "another's name": lambda name, value: f"{name[:-1]}x={value}",
    "missing": lambda name, value: "",
    "twice, garbage last": lambda name, value: f"{name}={value}; {name}=garbage",
    "twice, garbage first": lambda name, value: f"{name}=garbage; {name}={value}",
    "twice, empty first": lambda name, value: f"{name}=; {name}={value}",
}


@pytest.mark.parametrize("header", SPOILED.values(), ids=SPOILED.keys())
def test_sta_08_spoiled_attempt_cookie_is_refused(
    visitor: Visitor, instance: Instance, header: Callable[[str, str], str]
) -> None:
    honest = visitor.at(visitor.start())
    before = look(visitor, instance)

    response = with_cookie_header(visitor, honest, header)

    assert_rejected(visitor, response, before, code="unknown_attempt")


def test_sta_08_untouched_attempt_cookie_signs_in(visitor: Visitor, instance: Instance) -> None:
    # Shows that the others fail for what was done to the cookie.
    honest = visitor.at(visitor.start())
    response = with_cookie_header(visitor, honest, lambda name, value: f"{name}={value}")
    assert response.status_code == 302
    assert response.headers["Location"] == "/"


def test_sta_08_attempt_cookie_of_another_secret_key_is_refused(
    visitor: Visitor, instance: Instance, settings: Any
) -> None:
    settings.SECRET_KEY = "another secret key of another site, which is as long as the first"
    answer = visitor.at(visitor.start())
    kept = attempt_cookies(visitor)
    settings.SECRET_KEY = "the secret key of this site, which has not always been the same"
    for cookie in kept:
        visitor.http.cookies.set_cookie(cookie)
    before = look(visitor, instance)

    response = visitor.bring(answer)

    assert_rejected(visitor, response, before, code="unknown_attempt")


def test_sta_08_attempt_survives_a_rotation_of_the_secret_key(
    visitor: Visitor, instance: Instance, settings: Any
) -> None:
    answer = visitor.at(visitor.start())
    before = look(visitor, instance)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the new secret key of this site, the old one being a fallback"

    assert_signed_in(visitor, visitor.bring(answer), before)


def test_sta_09_tossed_cookie_does_not_sign_in_as_the_attacker(
    new_visitor: NewVisitor, instance: Instance
) -> None:
    attacker, victim = new_visitor(https=True), new_visitor(https=True)
    answer = attacker.at(attacker.start(), "admin")
    (cookie,) = attempt_cookies(attacker)
    assert cookie.name.startswith("__Host-")
    # A neighbouring site can set no cookie of that name, so it is left with the bare one.
    bare = cookie.name.removeprefix("__Host-")
    before = look(victim, instance)

    for path in ("/", "/signin-callback"):
        victim.http.cookies.set(bare, cookie.value, path=path)
        response = victim.bring(answer)
        assert_rejected(victim, response, before, code="unknown_attempt")


@pytest.mark.parametrize("https", [True, False], ids=["https", "http"])
@pytest.mark.parametrize("attackers_first", [True, False])
def test_sta_09_two_cookies_of_one_name_sign_nobody_in(
    new_visitor: NewVisitor, instance: Instance, https: bool, attackers_first: bool
) -> None:
    attacker, victim = new_visitor(https=https), new_visitor(https=https)
    answer = attacker.at(attacker.start(), "admin")
    (theirs,) = attempt_cookies(attacker)
    honest = victim.at(victim.start())
    before = look(victim, instance)

    def both(name: str, value: str) -> str:
        pair = [f"{name}={theirs.value}", f"{name}={value}"]
        return "; ".join(pair if attackers_first else pair[::-1])

    # Under the name of the victim's attempt, for either answer.
    response = with_cookie_header(victim, honest, both)
    assert_rejected(victim, response, before, code="unknown_attempt")
    response = with_cookie_header(victim, answer, both)
    assert_rejected(victim, response, before, code="unknown_attempt")


@pytest.mark.parametrize("whose", ["the visitor's answer", "the attacker's answer"])
def test_sta_09_attackers_attempt_under_another_name_is_refused(
    visitor: Visitor, new_visitor: NewVisitor, instance: Instance, whose: str
) -> None:
    attacker = new_visitor()
    theirs = attacker.at(attacker.start(), "admin")
    (cookie,) = attempt_cookies(attacker)
    honest = visitor.at(visitor.start())
    before = look(visitor, instance)

    answer = honest if whose.startswith("the visitor") else theirs
    response = with_cookie_header(visitor, answer, lambda name, _: f"{name}={cookie.value}")

    assert_rejected(visitor, response, before, code="unknown_attempt")


# The session


def test_sta_10_fixed_session_key_is_replaced_at_sign_in(
    visitor: Visitor, new_visitor: NewVisitor, instance: Instance
) -> None:
    attacker = new_visitor()
    attacker.get("/basket?add=tea")
    (fixed,) = attacker.cookies("sessionid")
    visitor.http.cookies.set_cookie(fixed)
    before = look(visitor, instance)
    assert before.who["session"] == fixed.value

    response = visitor.sign_in()

    assert_signed_in(visitor, response, before)
    assert visitor.whoami()["basket"] == ["tea"]
    left = attacker.whoami()
    assert left["user"] == ""
    assert left["basket"] is None
    assert not Session.objects.filter(session_key=fixed.value).exists()


def test_sta_11_another_person_finds_nothing_of_the_one_before(
    visitor: Visitor, instance: Instance
) -> None:
    issued: list[str] = []
    instance.change("token_answer", lambda fields: issued.append(fields["access_token"]))
    visitor.sign_in("admin")
    visitor.get("/basket?add=tea")
    (old,) = visitor.cookies("sessionid")
    old_value = old.value
    sign_in = SignIn.objects.get()
    instance.end_session_of("admin")
    before = look(visitor, instance)

    response = visitor.sign_in("maria")

    assert_signed_in(visitor, response, before, "maria")
    assert visitor.whoami()["basket"] is None
    assert not Session.objects.filter(session_key=old_value).exists()
    sign_in.refresh_from_db()
    assert sign_in.ended is not None
    assert sign_in.tokens == ""
    instance.forget_requests()
    assert visitor.get("/customers").status_code == 200
    assert [c.headers["Authorization"] for c in instance.calls("api")] == [f"Bearer {issued[1]}"]
    # The old key signs nobody in.
    visitor.http.cookies.clear()
    visitor.http.cookies.set("sessionid", old_value)
    assert visitor.whoami()["user"] == ""


# Who is signed in stays so


@pytest.fixture
def signed_in(visitor: Visitor, instance: Instance) -> Before:
    visitor.sign_in("admin")
    visitor.get("/basket?add=tea")
    return look(visitor, instance)


def test_sta_12_unknown_state_leaves_the_visitor_signed_in(
    visitor: Visitor, instance: Instance, signed_in: Before
) -> None:
    honest = visitor.at(visitor.start())
    before = look(visitor, instance)
    assert before.who == signed_in.who

    response = visitor.bring(honest, replaced(honest, state="x" * 43))

    assert_ignored(visitor, response, before)


REFUSALS: dict[str, tuple[str, Callable[[Instance], None], int]] = {
    "signature": (
        "bad_signature",
        lambda instance: instance.change(
            "front_id_token", lambda token: setattr(token, "signature", b"\x01" * 256)
        ),
        0,
    ),
    "nonce": (
        "claim_mismatch",
        lambda instance: instance.change("front_id_token", claims(nonce="another")),
        0,
    ),
    "second signature": (
        "bad_signature",
        lambda instance: instance.change(
            "id_token", lambda token: setattr(token, "signature", b"\x01" * 256)
        ),
        1,
    ),
    "another person in the second": (
        "tokens_disagree",
        lambda instance: instance.change("id_token", claims(sub="somebody")),
        1,
    ),
    "code refused": (
        "invalid_grant",
        lambda instance: instance.next_token_answer(error="invalid_grant"),
        1,
    ),
}


@pytest.mark.parametrize(("code", "spoil", "token_requests"), REFUSALS.values(), ids=REFUSALS)
def test_sta_12_refusal_leaves_the_visitor_signed_in(
    visitor: Visitor,
    instance: Instance,
    signed_in: Before,
    code: str,
    spoil: Callable[[Instance], None],
    token_requests: int,
) -> None:
    address = visitor.start()
    honest = visitor.at(address, "admin")
    spoil(instance)
    answer = visitor.at(address, "admin")
    before = look(visitor, instance)
    assert before.who == signed_in.who

    response = visitor.bring(answer)
    instance.heal()

    assert_rejected(
        visitor, response, before, token_requests=token_requests, code=code, corrected=honest
    )
    assert visitor.get("/customers").status_code == 200


def test_sta_12_refused_type_leaves_the_visitor_signed_in(
    visitor: Visitor, instance: Instance, signed_in: Before
) -> None:
    instance.end_session_of("admin")
    honest = visitor.at(visitor.start(), "community")
    before = look(visitor, instance)

    response = visitor.bring(honest)

    assert_rejected(
        visitor, response, before, token_requests=1, status=403, code="user_type_refused"
    )


@pytest.mark.parametrize("fault", [{"status": 500}, {"drop": "after"}, {"drop": "before"}])
def test_sta_12_failing_instance_leaves_the_visitor_signed_in(
    visitor: Visitor, instance: Instance, signed_in: Before, fault: dict[str, Any]
) -> None:
    answer = visitor.at(visitor.start(), "admin")
    instance.next_token_answer(**fault)
    before = look(visitor, instance)

    response = visitor.bring(answer)

    assert_unavailable(visitor, response, before, token_requests=1)
    before = look(visitor, instance)
    assert_signed_in(visitor, visitor.sign_in("admin"), before, "admin")


# Somebody else's code


def test_sta_13_another_persons_code_is_refused(
    visitor: Visitor, new_visitor: NewVisitor, instance: Instance
) -> None:
    instance.pkce = "ignored"
    victim = new_visitor()
    stolen = victim.at(victim.start(), "admin")
    honest = visitor.at(visitor.start())
    before = look(visitor, instance)

    response = visitor.bring(honest, replaced(honest, code=stolen["code"]))

    assert_rejected(visitor, response, before, code="claim_mismatch", corrected=honest)


def test_sta_14_another_persons_code_is_refused_in_code_flow(
    visitor: Visitor,
    new_visitor: NewVisitor,
    instance: Instance,
    configure: Callable[..., None],
) -> None:
    configure(RESPONSE_TYPE="code")
    instance.pkce = "ignored"
    victim = new_visitor()
    stolen = victim.at(victim.start(), "admin")
    honest = visitor.at(visitor.start())
    before = look(visitor, instance)

    response = visitor.bring(honest, replaced(honest, code=stolen["code"]))

    assert_rejected(
        visitor, response, before, token_requests=1, code="claim_mismatch", corrected=honest
    )
    assert set(SignIn.objects.values_list("account", "tokens")) == {(None, "")}
    assert visitor.get("/customers").status_code == 302
    assert instance.calls("api") == []
