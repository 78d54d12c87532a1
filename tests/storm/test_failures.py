"""Processes that die or sleep, answers that are lost, an instance that is down."""

import os
import signal
import time

import pytest

from .site import eventually, spent_twice

# The lease is twice that and two seconds.
DEADLINE = 1
LEASE = 2 * DEADLINE + 2


@pytest.fixture
def site(sites, instance):
    """Two processes on PostgreSQL that give the instance one second to answer."""
    site = sites(app={"DEADLINE": DEADLINE, "CONNECT_TIMEOUT": DEADLINE})
    # The back-off after an earlier test's outage ends.
    person = site.sign_in_expired()

    def renews(server):
        site.get(person, "/age", server)
        instance.next_answer("api", status=401)
        return site.get(person, "/api", server).status == 200

    eventually(lambda: renews(0), seconds=35)
    eventually(lambda: renews(1), seconds=35)
    instance.heal()
    return site


def test_lease_outlives_its_owner_and_then_ends(site, instance):
    """SIGKILL before the instance did anything: the next one takes over, nobody is signed out."""
    person = site.sign_in_expired()
    instance.next_token_answer(hold=1, drop="before")
    dying = site.begin(person, "/whoami")
    site.wait_for_refreshes(1)
    os.kill(site.servers[0].worker(), signal.SIGKILL)
    assert dying.result().status == 0

    answer = site.get(person, "/whoami", server=1)
    assert (answer.status, answer.json()["user"]) == (200, "maria")
    assert answer.json()["generation"] == 2
    assert LEASE - 2 < answer.seconds < LEASE + 2
    assert site.refreshes() == 2
    assert instance.refresh_tokens_refused == 0
    assert site.get(person, "/whoami", server=0).json()["generation"] == 2


@pytest.mark.parametrize(
    "answer", [{"drop": "before"}, {"error": "invalid_grant"}], ids=["lost", "refused"]
)
def test_lease_owner_that_wakes_late_overwrites_nothing(site, instance, answer):
    """A process is stopped for longer than its lease, then goes on with its answer."""
    person = site.sign_in_expired()
    instance.next_token_answer(hold=0.5, **answer)
    sleeper = site.begin(person, "/whoami")
    site.wait_for_refreshes(1)
    worker = site.servers[0].worker()
    os.kill(worker, signal.SIGSTOP)
    try:
        # Its successor is at it for longer than the sleeper's failure makes others pause.
        instance.next_token_answer(hold=0.8, drop="before")
        instance.next_token_answer(delay=0.8)
        successor = site.begin(person, "/whoami", server=1)
        site.wait_for_refreshes(2)
    finally:
        os.kill(worker, signal.SIGCONT)
    time.sleep(1.2)
    third = site.begin(person, "/whoami", server=1)

    for who in (successor.result(), third.result(), sleeper.result()):
        assert (who.status, who.json()["user"]) == (200, "maria")
    assert site.refreshes() == 3
    assert instance.refresh_tokens_refused == 0
    assert site.get(person, "/whoami").json()["generation"] == 2


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
    _assert_comes_back_without_a_click(person.browser)


def test_connection_lost_during_the_exchange_loses_no_token(site, instance):
    person = site.sign_in_expired()
    instance.next_token_answer(delay=0.6)
    renewing = site.begin(person, "/whoami")
    site.wait_for_refreshes(1)
    site.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    # The page itself may fail on its broken connection.
    renewing.result()
    for server in (0, 1):
        site.get(person, "/whoami", server)
        answer = site.get(person, "/whoami", server)
        assert (answer.status, answer.json()["user"]) == (200, "maria")
        assert answer.json()["generation"] == 2
    assert site.refreshes() == 1


def _assert_comes_back_without_a_click(browser):
    """The instance still knows the browser."""
    back = browser.bring(browser.at(browser.start("/private"), login=None))
    assert back.headers["Location"] == "/private"
    assert browser.get("/private").status_code == 200
