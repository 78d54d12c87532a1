"""Rows STA of the cases: one answer belongs to one attempt of one browser."""

import secrets
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.contrib.sessions.models import Session

from erpnet_instanceid.models import SignIn

from ..support.outcomes import (
    assert_ignored,
    assert_nothing_came_of_it,
    assert_rejected,
    assert_signed_in,
    begin,
    look,
)


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(secrets.token_urlsafe(32), id="sta_01 unknown state"),
        pytest.param(None, id="cbk_05 no state"),
        pytest.param("", id="cbk_05 empty state"),
    ],
)
def test_state_that_nobody_issued_ends_no_attempt(visitor, instance, state):
    attempt = begin(visitor, instance)
    response = attempt.bring(state=state)
    attempt.assert_refused(response, "unknown_attempt", is_over=False)
    attempt.assert_signed_in()


def test_sta_02_answer_of_another_browser_is_refused(visitor, new_visitor, instance):
    stolen = begin(new_visitor(), instance, "admin").answer
    before = look(visitor, instance)

    assert_rejected(visitor, visitor.bring(stolen), before, code="unknown_attempt")

    assert visitor.cookies("sessionid") == []


def test_sta_04_replay_in_the_same_browser_changes_nothing(visitor, instance):
    answer = visitor.at(visitor.start("/private"))
    assert visitor.bring(answer).headers["Location"] == "/private"
    before = look(visitor, instance)

    response = visitor.bring(answer)

    assert_ignored(visitor, response, before)
    assert response.headers["Location"] == "/private"


def test_sta_04_replay_with_the_old_cookies_changes_nothing(visitor, instance):
    answer = visitor.at(visitor.start(max_age="300"))
    kept = visitor.cookies("erpnet_signin_")
    visitor.bring(answer)
    before = look(visitor, instance)
    for cookie in kept:
        visitor.http.cookies.set_cookie(cookie)

    response = visitor.bring(answer)

    # The claim in the table stops it. The new attempt asks for as fresh a sign-in.
    address = response.headers["Location"]
    assert address.startswith(f"{instance.issuer}/connect/authorize?")
    assert answer["state"] not in address
    assert parse_qs(urlsplit(address).query)["max_age"] == ["300"]
    assert_nothing_came_of_it(visitor, before)


def test_sta_06_answer_after_the_lifetime_is_refused(visitor, instance, later):
    address = visitor.start()
    later(901)
    honest = visitor.at(address)
    before = look(visitor, instance)
    response = visitor.bring(honest)
    assert_rejected(visitor, response, before, code="attempt_expired", corrected=honest)


def test_sta_06_lifetime_is_the_one_of_the_settings(visitor, instance, later, configure):
    configure(SIGN_IN_LIFETIME=1800)
    address = visitor.start()
    later(1700)
    honest = visitor.at(address)
    before = look(visitor, instance)
    assert_signed_in(visitor, visitor.bring(honest), before)


def test_sta_06_slow_answer_is_asked_for_again(visitor, instance, later):
    answer = visitor.at(visitor.start())
    relayed = visitor.relay(answer.url, urlencode(answer.fields))
    # Not the browser's doing: it would have dropped the cookie by then.
    for cookie in visitor.cookies("erpnet"):
        cookie.expires = None
    later(122)

    response = visitor.arrive(relayed.headers["Location"])

    assert response.headers["Location"].startswith(instance.issuer)
    assert not instance.calls("token")


def test_sta_07_answer_with_another_attempts_state_is_refused(visitor, instance):
    first, second = begin(visitor, instance), begin(visitor, instance)
    response = first.bring(state=second.answer["state"])
    second.assert_refused(response, "claim_mismatch")
    # The other tab has not been touched.
    first.assert_signed_in()


def test_sta_10_fixed_session_key_is_replaced_at_sign_in(visitor, new_visitor, instance):
    attacker = new_visitor()
    attacker.get("/basket?add=tea")
    (fixed,) = attacker.cookies("sessionid")
    visitor.http.cookies.set_cookie(fixed)
    attempt = begin(visitor, instance)
    assert attempt.before.who["session"] == fixed.value

    attempt.assert_signed_in()

    assert visitor.whoami()["basket"] == ["tea"]
    left = attacker.whoami()
    assert (left["user"], left["basket"]) == ("", None)
    assert not Session.objects.filter(session_key=fixed.value).exists()


def test_sta_11_another_person_finds_nothing_of_the_one_before(visitor, instance):
    visitor.sign_in("admin")
    visitor.get("/basket?add=tea")
    (old,) = visitor.cookies("sessionid")
    old_value = old.value
    sign_in = SignIn.objects.get()
    instance.end_session_of("admin")

    begin(visitor, instance, "maria").assert_signed_in()

    assert visitor.whoami()["basket"] is None
    assert not Session.objects.filter(session_key=old_value).exists()
    sign_in.refresh_from_db()
    assert (sign_in.ended is None, sign_in.tokens) == (False, "")
    # The old key signs nobody in.
    visitor.http.cookies.clear()
    visitor.http.cookies.set("sessionid", old_value)
    assert visitor.whoami()["user"] == ""


def test_sta_12_refusals_leave_the_visitor_signed_in(visitor, instance):
    visitor.sign_in("admin")
    visitor.get("/basket?add=tea")

    attempt = begin(visitor, instance)
    assert_ignored(visitor, attempt.bring(state="x" * 43), attempt.before)

    attempt = begin(visitor, instance, "admin")
    instance.next_token_answer(status=500)
    attempt.assert_unavailable(attempt.bring(), token_requests=1)

    for target, token_requests in (("front_id_token", 0), ("id_token", 1)):
        instance.change(target, lambda token: setattr(token, "signature", b"\x01" * 256))
        attempt = begin(visitor, instance, "admin")
        response = attempt.bring()
        instance.heal()
        attempt.assert_refused(response, "bad_signature", token_requests=token_requests)

    instance.end_session_of("admin")
    begin(visitor, instance, "community").assert_denied("user_type_refused")
    assert visitor.get("/customers").status_code == 200
    assert visitor.whoami()["basket"] == ["tea"]


@pytest.mark.parametrize(
    ("response_type", "token_requests"),
    [
        pytest.param("code id_token", 0, id="sta_13 hybrid flow"),
        pytest.param("code", 1, id="sta_14 code flow"),
    ],
)
def test_another_persons_code_is_refused(
    visitor, new_visitor, instance, configure, response_type, token_requests
):
    configure(RESPONSE_TYPE=response_type)
    instance.pkce = "ignored"
    stolen = begin(new_visitor(), instance, "admin").answer
    attempt = begin(visitor, instance)

    response = attempt.bring(code=stolen["code"])

    attempt.assert_refused(response, "claim_mismatch", token_requests=token_requests)
    assert not SignIn.objects.exists()
    assert visitor.get("/customers").status_code == 302
    assert instance.calls("api") == []
