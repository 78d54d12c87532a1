"""Many visitors over a long time, which is pressed together: a token lives for seconds here."""

import itertools
import os
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from .site import eventually

SESSIONS = 100
CLIENTS = 6
# Three minutes of outage and an hour of life as they are: 180 and 3600.
OUTAGE_SECONDS = float(os.environ.get("STORM_OUTAGE_SECONDS", "6"))
LIFE_SECONDS = float(os.environ.get("STORM_LIFE_SECONDS", "12"))
LIFETIME = 3
SEED = 20261122
ENDED = "SELECT count(*) FROM erpnet_instanceid_signin WHERE ended IS NOT NULL"

# None of these costs the refresh token: it is unspent, or the answer comes after all.
FAULTS = {
    "503": {"status": 503},
    "429": {"status": 429, "headers": {"Retry-After": "1"}},
    "500 page": {"status": 500, "body": "<html>Object reference not set</html>"},
    "garbage": {"status": 200, "body": b"\x00\xff"},
    "a list": {"json": []},
    "200 with an error": {"json": {"error": "temporarily_unavailable"}},
    "no access token": {"json": {"token_type": "Bearer"}},
    "dropped": {"drop": "before"},
    "silence": {"hold": 1.2, "drop": "before"},
    "slow": {"delay": 0.5},
    "invalid_client": {"status": 401, "json": {"error": "invalid_client"}},
}


@pytest.fixture
def site(sites, instance):
    """Two processes on PostgreSQL that give the instance a second to answer."""
    site = sites(app={"DEADLINE": 1, "CONNECT_TIMEOUT": 1})
    site.execute("DELETE FROM erpnet_instanceid_signin")
    return site


class Life:
    """The answers to the clients: every page works, only the instance's API may be away."""

    def __init__(self, site, crowd):
        self.site = site
        self.crowd = crowd
        self.seen = Counter()
        self.wrong = []
        self.slowest = 0.0
        self.stop = threading.Event()

    def run(self, meanwhile):
        """Lets the clients live while ``meanwhile`` does something to the instance."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self._live, number) for number in range(CLIENTS)]
            try:
                meanwhile()
            finally:
                self.stop.set()
            for client in clients:
                client.result()
        assert self.wrong == []

    def _live(self, number):
        chance = random.Random(SEED + number)
        while not self.stop.is_set():
            person, server = chance.choice(self.crowd), chance.randrange(len(self.site.servers))
            path = chance.choice(["/whoami", "/whoami", "/private", "/basket?add=x", "/api"])
            answer = self.site.get(person, path, server)
            self.seen[f"{path.partition('?')[0]} {answer.status}"] += 1
            self.slowest = max(self.slowest, answer.seconds)
            is_fine = answer.status == 200 or (path == "/api" and answer.status == 503)
            if is_fine and path == "/whoami":
                is_fine = answer.json()["user"] == "maria"
            if not is_fine:
                self.wrong.append((path, answer.status, answer.body[:200]))

    def assert_all_renew(self, figure, **more):
        """Everybody is still signed in, and soon has a token that lives for an hour."""
        started = time.monotonic()

        def is_renewed(person):
            who = self.site.get(person, "/whoami").json()
            assert who["user"] == "maria"
            return who["expires_at"] > time.time() + 1000

        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda p: eventually(lambda: is_renewed(p), seconds=45), self.crowd))
        assert self.site.instance.refresh_tokens_refused == 0
        assert self.site.execute(ENDED) == [(0,)]
        figure(
            sessions=len(self.crowd),
            requests=sum(self.seen.values()),
            slowest_answer_in_seconds=round(self.slowest, 2),
            seconds_until_all_were_renewed=round(time.monotonic() - started, 1),
            **more,
        )


def test_outage_signs_nobody_out(site, instance, figure):
    """Silence, dropped connections, then errors, while everybody's access token has ended."""
    life = Life(site, site.sign_in_many_expired(SESSIONS))
    instance.next_token_answer(hold=2, drop="before", times=4)
    instance.next_token_answer(drop="before", times=4)
    instance.always("token", status=503)
    life.run(lambda: time.sleep(OUTAGE_SECONDS))
    knocks = site.refreshes()
    instance.heal()
    assert life.seen["/api 503"] > 0
    assert life.seen["/api 200"] == 0
    # Each process first repeats the requests under way, and then asks ever less often.
    assert knocks <= len(site.servers) * (CLIENTS + 8 + OUTAGE_SECONDS / 10)
    # A page waits for one attempt and its repetition at most.
    assert life.slowest < 4
    life.assert_all_renew(figure, seconds_of_outage=OUTAGE_SECONDS, token_requests_meanwhile=knocks)
    assert instance.refresh_tokens_granted == SESSIONS


def test_hour_of_life_loses_no_sign_in(site, instance, figure):
    """Short tokens, all faults again and again, two processes: nobody is signed out."""
    instance.set(access_token_lifetime=LIFETIME)
    life = Life(site, site.sign_in_many(SESSIONS))
    faults = Counter()

    def spoil():
        chance = random.Random(SEED)
        ends_at = time.monotonic() + LIFE_SECONDS
        for name in itertools.cycle(FAULTS):
            if time.monotonic() > ends_at:
                return
            faults[name] += 1
            instance.next_token_answer(grant_type="refresh_token", **FAULTS[name])
            time.sleep(chance.uniform(0.2, 1.0))

    life.run(spoil)
    instance.heal()
    instance.set(access_token_lifetime=3600)
    sent = Counter(call["refresh_token"] for call in instance.calls("token", "refresh_token"))
    # Sent again only where an answer was spoilt.
    assert sum(sent.values()) - len(sent) <= sum(faults.values())
    life.assert_all_renew(
        figure,
        seconds=LIFE_SECONDS,
        refreshes=len(sent),
        faults=dict(faults),
        calls_while_the_instance_was_away=life.seen["/api 503"],
    )
