"""Processes that die or sleep, answers that are lost, an instance that is down."""

from __future__ import annotations

import os
import signal
import time

import pytest

from .site import spent_twice

# The lease is twice that and two seconds.
DEADLINE = 1
LEASE = 2 * DEADLINE + 2


@pytest.fixture
def site(sites, instance):
    """Two processes on PostgreSQL that give the instance one second to answer."""
    running = sites(app={"DEADLINE": DEADLINE, "CONNECT_TIMEOUT": DEADLINE})
    running.execute("DELETE FROM erpnet_instanceid_signin")
    _forget_backoff(running)
    return running


def _forget_backoff(site):
    """Waits for the end of the back-off after an earlier test's outage."""
    person = site.sign_in_expired()
    ends_at = time.monotonic() + 35
    for server in range(len(site.servers)):
        while True:
            site.get(person, "/age", server)
            site.instance.next_answer("api", status=401)
            if site.get(person, "/api", server).status == 200:
                break
            assert time.monotonic() < ends_at
            time.sleep(0.2)
    site.instance.heal()
    site.instance.forget_requests()
    person.close()


def test_lease_outlives_its_owner_and_then_ends(site, instance):
    """SIGKILL before the instance did anything: the next one takes over, nobody is signed out."""
    person = site.sign_in_expired()
    instance.next_token_answer(hold=1, drop="before")
    dying = site.begin(person, "/whoami")
    _wait_for_refreshes(site, 1)
    started = time.monotonic()
    os.kill(site.servers[0].worker(), signal.SIGKILL)
    assert dying.answer().status == 0

    answer = site.get(person, "/whoami", server=1)
    waited = time.monotonic() - started
    assert (answer.status, answer.json()["user"]) == (200, "maria")
    assert answer.json()["generation"] == 2
    assert LEASE - 2 < waited < LEASE + 2
    assert site.refreshes() == 2
    assert instance.refresh_tokens_refused == 0
    assert site.get(person, "/whoami", server=0).json()["generation"] == 2
    person.close()


def test_lease_owner_that_dies_costs_only_one_sign_in(site, instance):
    """SIGKILL after the instance had done its work: the new token is lost, and that shows."""
    person = site.sign_in_expired()
    instance.next_token_answer(delay=1)
    dying = site.begin(person, "/private")
    _wait_for_refreshes(site, 1)
    time.sleep(0.2)
    os.kill(site.servers[0].worker(), signal.SIGKILL)
    assert dying.answer().status == 0

    answer = site.get(person, "/private", server=1)
    assert (answer.status, answer.headers["Location"]) == (302, "/signin?next=/private")
    assert site.refreshes() == 2
    # Back without a click: the instance still knows the browser.
    browser = person.browser
    back = browser.bring(browser.at(browser.start("/private"), login=None))
    assert back.headers["Location"] == "/private"
    assert browser.get("/private").status_code == 200
    person.close()


@pytest.mark.parametrize(
    "answer", [{"drop": "before"}, {"error": "invalid_grant"}], ids=["lost", "refused"]
)
def test_lease_owner_that_wakes_late_overwrites_nothing(site, instance, answer):
    """A process is stopped for longer than its lease, then goes on with its answer."""
    person = site.sign_in_expired()
    instance.next_token_answer(hold=0.5, **answer)
    sleeper = site.begin(person, "/whoami")
    _wait_for_refreshes(site, 1)
    worker = site.servers[0].worker()
    os.kill(worker, signal.SIGSTOP)
    try:
        # Its successor is at it for longer than the sleeper's failure makes others pause.
        instance.next_token_answer(hold=0.8, drop="before")
        instance.next_token_answer(delay=0.8)
        successor = site.begin(person, "/whoami", server=1)
        _wait_for_refreshes(site, 2)
    finally:
        os.kill(worker, signal.SIGCONT)
    time.sleep(1.2)
    third = site.begin(person, "/whoami", server=1)

    for who in (successor.answer(), third.answer(), sleeper.answer()):
        assert (who.status, who.json()["user"]) == (200, "maria")
    assert site.refreshes() == 3
    assert instance.refresh_tokens_refused == 0
    assert site.get(person, "/whoami").json()["generation"] == 2
    person.close()


def test_lost_answer_ends_only_its_own_sign_in(site, instance):
    person = site.sign_in_expired()
    other = site.sign_in()
    instance.next_token_answer(drop="after")
    answers = site.at_once(person, ["/private"], 20)
    assert {(a.status, a.headers["Location"]) for a in answers} == {(302, "/signin?next=/private")}
    # Asked for twice, by one request of twenty.
    assert site.refreshes() == 2
    assert len(spent_twice(instance)) == 1
    assert instance.refresh_tokens_refused == 1
    assert site.get(other, "/whoami").json()["user"] == "maria"
    browser = person.browser
    back = browser.bring(browser.at(browser.start("/private"), login=None))
    assert back.headers["Location"] == "/private"
    person.close()
    other.close()


def test_connection_lost_during_the_exchange_loses_no_token(site, instance):
    person = site.sign_in_expired()
    instance.next_token_answer(delay=0.6)
    renewing = site.begin(person, "/whoami")
    _wait_for_refreshes(site, 1)
    site.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    # The page itself may fail on its broken connection.
    renewing.answer()
    for server in (0, 1):
        site.get(person, "/whoami", server)
        answer = site.get(person, "/whoami", server)
        assert (answer.status, answer.json()["user"]) == (200, "maria")
        assert answer.json()["generation"] == 2
    assert site.refreshes() == 1
    person.close()


def _wait_for_refreshes(site, count):
    ends_at = time.monotonic() + 15
    while site.refreshes() < count:
        assert time.monotonic() < ends_at, site.logs()
        time.sleep(0.02)
