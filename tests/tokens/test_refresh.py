"""Rows RFR of the cases, for one visitor; `tests/storm` has many, and several processes."""

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import OperationalError
from django.test import TestCase
from django.utils import timezone

from erpnet_instanceid.models import SignIn, sealed_tokens
from erpnet_instanceid.signals import sign_in_ended, tokens_refreshed
from erpnet_instanceid.tokens.backoff import FIRST_SECONDS

from ..support.ageing import refreshes, sign_in_expired
from ..support.forging import MISSING, claims, header
from ..support.outcomes import within
from ..support.refusing import READ_ONLY, refusing, stores_tokens

API = "/api"


@pytest.fixture
def expired(visitor, instance):
    return sign_in_expired(visitor, instance)


def stored():
    return SignIn.objects.get().token_set()


def wait_out_the_pause(configure):
    """Lets the back-off be over, as if its second had passed."""
    SignIn.objects.update(retry_at=None)
    # Changed settings end the pause of the process.
    configure()


def assert_must_sign_in_again(visitor):
    assert visitor.whoami()["user"] == ""
    assert SignIn.objects.get().ended is not None
    assert SignIn.objects.get().tokens == ""
    assert visitor.get("/private").headers["Location"] == "/signin?next=/private"


def test_rfr_01_expired_token_is_renewed_before_the_call(expired, instance):
    first = stored()
    assert expired.get(API).json() == {"customers": 1}
    (asked,) = refreshes(instance)
    assert asked["client_id"] == instance.application_uri
    assert asked["client_secret"] == instance.application_secret
    assert asked["refresh_token"] == first.refresh_token
    assert "Authorization" not in asked.headers
    newest = stored()
    assert newest.refresh_token != first.refresh_token
    (call,) = instance.calls("api")
    assert call.headers["Authorization"] == f"Bearer {newest.access_token}"


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(claims(sub="maria1"), id="rfr_03 sub"),
        pytest.param(claims(nonce="another"), id="rfr_07 nonce"),
        pytest.param(claims(at_hash="x"), id="rfr_07 at_hash"),
        pytest.param(lambda token: setattr(token, "signature", b"x" * 256), id="rfr_07 signature"),
    ],
)
def test_refreshed_id_token_that_does_not_hold_ends_the_sign_in(expired, instance, forge):
    """`tests/oidc/test_id_token.py` has each check alone."""
    instance.change("refreshed_id_token", forge)
    assert expired.get(API).status_code == 302
    assert not instance.calls("api")
    assert len(refreshes(instance)) == 1
    assert_must_sign_in_again(expired)


@pytest.mark.parametrize("told", ["old name", "old name without id", "new name"])
def test_rfr_03_renamed_user_stays_signed_in_in_every_browser(visitor, new_visitor, instance, told):
    """Core 12.2 has the name of the ID token before; the instance may tell the new one at once."""
    sign_in_expired(visitor, instance)
    instance.rename("maria", "maria.ivanova")
    if told == "new name":
        for token in ("refreshed_id_token", "access_token"):
            instance.change(token, claims(sub="maria.ivanova"))
    else:
        new_visitor().sign_in("maria.ivanova")
        instance.forget_requests()
    if told == "old name without id":
        instance.change("access_token", claims(id=MISSING))
    assert visitor.get(API).status_code == 200
    assert len(refreshes(instance)) == 1
    assert visitor.whoami()["user"] == "maria"
    visitor.get("/age")
    instance.next_answer("api", status=401)
    assert visitor.get(API).status_code == 200
    assert visitor.whoami()["generation"] == 3


def test_rfr_03_name_of_somebody_else_ends_the_sign_in(expired, instance):
    for token in ("refreshed_id_token", "access_token"):
        instance.change(token, claims(sub="admin", id=instance.people["admin"].id))
    assert expired.get(API).status_code == 302
    assert_must_sign_in_again(expired)


def test_rfr_03_changed_name_without_an_id_ends_the_sign_in(visitor, instance):
    """An account that is known by its name is another one by another name."""
    instance.change("access_token", claims(id=MISSING))
    sign_in_expired(visitor, instance)
    for token in ("refreshed_id_token", "access_token"):
        instance.change(token, claims(sub="maria.ivanova"))
    assert visitor.get(API).status_code == 302
    assert_must_sign_in_again(visitor)


def test_rfr_06_refresh_without_id_token_keeps_the_old_one(expired, instance):
    first = stored()
    instance.change("token_answer", lambda answer: answer.pop("id_token") and None)
    assert expired.get(API).status_code == 200
    assert stored().id_token == first.id_token
    assert f"id_token_hint={first.id_token}" in expired.post("/signout").headers["Location"]


def test_rfr_09_spent_refresh_token_ends_the_sign_in_at_once(expired, instance):
    instance.revoke_refresh_tokens("maria")
    assert expired.get(API).status_code == 302
    assert len(refreshes(instance)) == 1
    assert_must_sign_in_again(expired)
    assert len(refreshes(instance)) == 1


def test_rfr_09_refusal_of_the_application_signs_nobody_out(expired, instance, caplog):
    first = stored()
    instance.next_token_answer(status=400, json={"error": "invalid_client"})
    assert expired.get(API).status_code == 503
    assert expired.whoami()["user"] == "maria"
    assert stored() == first
    assert len(refreshes(instance)) == 1
    told = [record for record in caplog.records if record.name == "erpnet_instanceid"]
    (refused,) = (record for record in told if record.levelname == "ERROR")
    assert refused.getMessage().startswith("refresh_refused")


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"drop": "before", "times": 2},
        {"json": {"error": "invalid_grant"}, "status": 200},
    ],
)
def test_rfr_10_failed_refresh_loses_nothing(expired, instance, configure, fault):
    first = stored()
    instance.next_token_answer(**fault)
    assert expired.get(API).status_code == 503
    asked = len(refreshes(instance))
    assert asked == fault.get("times", 1)
    assert stored() == first
    # No tight loop: it is left alone for a while, and nobody is signed out by that.
    assert expired.whoami()["user"] == "maria"
    assert expired.get(API).status_code == 503
    assert len(refreshes(instance)) == asked
    assert FIRST_SECONDS >= 1
    wait_out_the_pause(configure)
    assert expired.get(API).status_code == 200
    assert stored().refresh_token != first.refresh_token


def test_answer_lost_before_the_work_is_asked_for_once_more(expired, instance):
    instance.next_token_answer(drop="before")
    assert expired.get(API).status_code == 200
    assert len(refreshes(instance)) == 2


@pytest.mark.parametrize("value", [..., "", None], ids=str)
def test_rfr_11_refresh_without_refresh_token_keeps_the_old_one(expired, instance, value):
    def change(answer):
        answer["refresh_token"] = value
        if value is ...:
            del answer["refresh_token"]

    first = stored()
    instance.change("token_answer", change)
    assert expired.get(API).status_code == 200
    assert stored().refresh_token == first.refresh_token


@pytest.mark.parametrize(
    ("error", "carried_out"),
    [(OperationalError("server closed the connection unexpectedly"), True), (READ_ONLY, False)],
    ids=["word of the commit is lost", "server has become read only"],
)
def test_failing_database_while_storing_ends_no_sign_in(expired, instance, error, carried_out):
    with refusing(stores_tokens, error, times=1, carried_out=carried_out) as failed:
        assert expired.get(API).status_code == 200
    assert failed
    assert expired.whoami()["generation"] == SignIn.objects.get().generation == 2
    assert len(refreshes(instance)) == instance.open_refresh_tokens == 1
    assert not instance.calls("revocation")


def test_rfr_12_parallel_calls_refresh_once(expired, instance):
    instance.next_token_answer(delay=0.2)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: expired.get(API).status_code, range(20)))
    assert answers == [200] * 20
    assert len(refreshes(instance)) == 1


def test_one_failing_sign_in_holds_up_no_other(new_visitor, instance):
    one, other = (sign_in_expired(new_visitor(), instance) for _ in range(2))
    for _ in range(5):
        SignIn.objects.update(retry_at=None)
        instance.next_token_answer(status=503)
        assert one.get(API).status_code == 503
    assert other.get(API).status_code == 200


@pytest.mark.parametrize("answer", ["tokens", "invalid_grant", "id token"])
def test_rfr_10_back_off_ends_when_the_instance_answers(new_visitor, instance, answer):
    """Nobody asks before that. It may say no, too: that is about the one who asked."""
    one, two, other = (sign_in_expired(new_visitor(), instance) for _ in range(3))
    instance.next_token_answer(status=503, grant_type="refresh_token", times=2)
    for visitor in (one, two, other):
        assert visitor.get(API).status_code == 503
    assert len(refreshes(instance)) == 2

    if answer == "tokens":
        new_visitor().sign_in("admin")
    else:
        time.sleep(FIRST_SECONDS + 0.1)
        if answer == "id token":
            instance.change("refreshed_id_token", claims(aud="x"), times=1)
        else:
            instance.next_token_answer(status=400, json={"error": answer})
        assert other.get("/private").status_code == 302

    SignIn.objects.update(retry_at=None)
    assert one.get(API).status_code == 200


def test_rfr_10_pauses_grow_from_failure_to_failure(expired, instance):
    SignIn.objects.update(failures=3)
    instance.next_token_answer(status=503)
    before = timezone.now()
    assert expired.get("/private").status_code == 200
    after = timezone.now()
    sign_in = SignIn.objects.get()
    assert (sign_in.failures, sign_in.leased_until) == (4, None)
    assert sign_in.retry_at - before > timedelta(seconds=6)
    assert sign_in.retry_at - after <= timedelta(seconds=8) + (after - before)


def test_rfr_13_each_session_has_a_chain_of_its_own(new_visitor, instance):
    one, other = (sign_in_expired(new_visitor(), instance) for _ in range(2))
    for visitor in (one, other):
        assert visitor.get(API).status_code == 200
    for visitor in (one, other):
        visitor.get("/age")
        instance.next_answer("api", status=401)
        assert visitor.get(API).status_code == 200
    sent = [call["refresh_token"] for call in refreshes(instance)]
    assert len(sent) == len(set(sent))
    assert instance.refresh_tokens_refused == 0
    assert {visitor.whoami()["user"] for visitor in (one, other)} == {"maria"}


@pytest.mark.parametrize("refused", [False, True], ids=["accepted", "refused"])
def test_rfr_15_calls_with_short_tokens_renew_once_a_request(expired, instance, refused):
    """The middleware renews, each of three calls finds the token over, and may be refused too."""
    instance.change("token_answer", lambda answer: answer.update(expires_in=0))
    if refused:
        instance.always("api", status=401)
    for number in range(1, 4):
        answer = expired.get(API + "?times=3")
        assert answer.status_code == (500 if refused else 200)
        assert len(refreshes(instance)) == number
    assert expired.whoami()["user"] == "maria"


def test_rfr_15_call_just_before_the_end_uses_a_valid_token(visitor, instance):
    instance.change("token_answer", lambda answer: answer.update(expires_in=5), times=1)
    visitor.sign_in("maria")
    instance.next_answer("api", status=401)
    assert visitor.get(API).status_code == 200
    assert len(refreshes(instance)) == 1


def test_all_that_a_refresh_takes_fits_into_its_lease(expired, instance, configure):
    """Metadata, tokens and keys, each of them just within the deadline of a single exchange."""
    configure(DEADLINE=1)
    for endpoint in ("discovery", "token", "jwks"):
        instance.next_answer(endpoint, delay=0.75)
    first = stored()
    with within(3.5):
        assert expired.get("/private").status_code == 200
    # The new tokens are kept; the ID token beside them had no key to be checked with.
    assert expired.get(API).status_code == 200
    assert len(refreshes(instance)) == 1
    assert stored().refresh_token != first.refresh_token
    assert stored().id_token == first.id_token


def notice_of(visitor, instance):
    """The instance's word that the person's sessions are over, to be brought by anybody."""
    form = urlencode({"logout_token": instance.logout_token(sub="maria")})
    return visitor.relay("/backchannel-signout", form)


def test_id_token_of_an_unknown_key_ends_no_sign_in(expired, instance):
    first = stored()
    instance.change("logout_token", header(kid="none's"), times=1)
    # This minute's look for an unknown key.
    assert notice_of(expired, instance).status_code == 400
    instance.rotate_keys()
    assert expired.get(API).status_code == 200
    assert stored().refresh_token != first.refresh_token
    assert stored().id_token == first.id_token


@pytest.mark.parametrize("delay", [0, 6], ids=["at once", "slowly"])
def test_sign_in_ended_during_its_refresh_stays_ended(expired, instance, delay):
    instance.next_token_answer(delay=0.7)
    instance.next_answer("revocation", delay=delay)
    started = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(expired.get, "/private")
        instance.wait_for_calls("token")
        assert notice_of(expired, instance).status_code == 200
        assert answer.result().status_code == 302
    # The visitor waits, and it is a courtesy.
    assert time.monotonic() - started < 5
    assert SignIn.objects.get().tokens == ""
    assert SignIn.objects.get().generation == 1
    assert len(instance.calls("revocation")) == 1
    if not delay:
        assert instance.open_refresh_tokens == 0
    assert expired.whoami()["user"] == ""


@pytest.mark.parametrize("is_done", [True, False], ids=["renewed", "being renewed"])
def test_refused_refresh_ends_nothing_that_another_renews(expired, instance, is_done):
    """A process that slept past its lease is told that the token it had is spent."""
    newer = dataclasses.replace(stored(), access_token="newer", expires_at=int(time.time()) + 300)
    instance.next_token_answer(delay=0.7, status=400, json={"error": "invalid_grant"})
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(expired.get, "/private" if is_done else API)
        instance.wait_for_calls("token")
        if is_done:
            SignIn.objects.update(generation=2, leased_until=None, tokens=sealed_tokens(newer))
        else:
            SignIn.objects.update(leased_until=timezone.now() + timedelta(seconds=1.5))
        assert answer.result().status_code == 200
    assert SignIn.objects.get().ended is None
    assert expired.whoami()["generation"] == 2
    assert expired.get(API).status_code == 200


def test_refused_token_of_another_process_is_renewed(expired, instance):
    """This request has not renewed anything yet, and the token is not a new one."""
    now = int(time.time())
    found = dataclasses.replace(stored(), access_token="old", expires_at=now + 3000, lifetime=3600)
    SignIn.objects.update(generation=2, tokens=sealed_tokens(found))
    assert expired.get(API).status_code == 200
    assert len(refreshes(instance)) == 1
    assert expired.whoami()["generation"] == 3


def test_waiting_for_a_renewal_lasts_no_longer_than_a_lease(expired, instance, configure):
    configure(DEADLINE=0.1)
    SignIn.objects.update(leased_until=timezone.now() + timedelta(seconds=20))
    started = time.monotonic()
    assert expired.get("/private").status_code == 200
    assert 2 < time.monotonic() - started < 10
    assert not refreshes(instance)


def test_lost_answer_is_asked_for_again_only_if_time_is_left(expired, instance, configure):
    configure(DEADLINE=1)
    instance.next_answer("discovery", delay=0.8)
    instance.next_token_answer(hold=0.8, drop="before")
    instance.next_token_answer(delay=0.8)
    assert expired.get("/private").status_code == 200
    assert len(refreshes(instance)) == 1
    instance.heal()
    wait_out_the_pause(configure)
    assert expired.get(API).status_code == 200
    assert instance.refresh_tokens_refused == 0


@pytest.fixture
def written_back(receive):
    """The rows of which the signals told the site, which has written them back."""
    told = []

    def write_back(sign_in, **_kwargs):
        told.append(sign_in)
        sign_in.save()

    receive(tokens_refreshed, write_back)
    receive(sign_in_ended, write_back)
    return told


def test_receiver_of_a_renewal_has_the_row_as_it_was_stored(expired, written_back):
    first = stored()
    assert expired.get(API).status_code == 200
    (sign_in,) = written_back
    sign_in.refresh_from_db()
    assert stored().refresh_token != first.refresh_token
    assert sign_in.refreshed is not None
    assert (sign_in.generation, sign_in.leased_until) == (2, None)


@pytest.mark.parametrize("how", ["signed out", "refused"])
def test_receiver_of_an_end_has_the_row_as_it_was_ended(expired, instance, written_back, how):
    first = stored()
    if how == "refused":
        instance.revoke_refresh_tokens("maria")
        expired.get(API)
    else:
        # The sign-out needs the tokens that the row no longer has.
        location = expired.post("/signout").headers["Location"]
        assert f"id_token_hint={first.id_token}" in location
    (sign_in,) = written_back
    sign_in.refresh_from_db()
    assert sign_in.ended is not None
    assert (sign_in.tokens, sign_in.leased_until) == ("", None)
    assert instance.open_refresh_tokens == 0


class SiteTestCase(TestCase):
    """As a site would test its pages: all in one transaction, which no other connection sees."""

    @pytest.fixture(autouse=True)
    def _instance(self, instance_id, instance_sign_in):
        self.instance = instance_id
        self.sign_in = instance_sign_in

    def test_call_inside_a_transaction_is_renewed(self):
        self.sign_in(self.client, "maria")
        self.instance.next_answer("api", status=401)
        answer = self.client.get("/api-in-atomic")
        assert (answer.status_code, answer.json()) == (200, {"customers": 1})
        assert len(refreshes(self.instance)) == 1
