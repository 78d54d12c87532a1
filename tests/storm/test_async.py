"""One process that serves many requests at once without a thread for each."""

import http.client
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest


@pytest.fixture
def site(sites, instance):
    return sites("uvicorn", database="sqlite")


def test_waiting_requests_do_not_hold_up_others(site, instance):
    """Sixty requests of ten sessions wait for the instance; others go on meanwhile."""
    *waiting, other = site.sign_in_many_expired(11)
    fresh = site.sign_in()
    instance.next_token_answer(delay=3, times=10)
    with ThreadPoolExecutor(max_workers=60) as pool:
        answers = [pool.submit(site.get, p, "/async/whoami") for p in waiting for _ in range(6)]
        site.wait_for_refreshes(10)
        for person, generation in ((fresh, 1), (other, 2)):
            answer = site.get(person, "/async/whoami")
            who = answer.json()
            assert (who["user"], who["generation"]) == ("maria", generation)
            assert answer.seconds < 1
        assert not any(answer.done() for answer in answers)
        told = [answer.result().json() for answer in answers]
    assert {(who["user"], who["generation"]) for who in told} == {("maria", 2)}
    assert site.refreshes() == 11


def test_disconnected_visitor_loses_no_token(site, instance):
    person = site.sign_in_expired()
    instance.next_token_answer(delay=0.6)
    leaver = http.client.HTTPConnection(urlsplit(site.servers[0].url).netloc)
    leaver.request("GET", "/async/whoami", headers={"Cookie": person.cookie})
    site.wait_for_refreshes(1)
    stayer = site.begin(person, "/async/whoami")
    time.sleep(0.2)
    leaver.close()

    assert stayer.result().json()["generation"] == 2
    assert site.get(person, "/async/whoami", server=1).json()["generation"] == 2
    assert site.refreshes() == 1
