"""Many visitors over a long time, which is pressed together: a token lives for seconds here."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

SESSIONS = 100
CLIENTS = 6
# Three minutes of outage and an hour of life as they are: 180 and 3600.
OUTAGE_SECONDS = float(os.environ.get("STORM_OUTAGE_SECONDS", "9"))
LIFE_SECONDS = float(os.environ.get("STORM_LIFE_SECONDS", "20"))
LIFETIME = 3
SEED = 20261122
ENDED = "SELECT count(*) FROM erpnet_instanceid_signin WHERE ended IS NOT NULL"

# None of these costs the refresh token: it is unspent, or the answer comes after all.
FAULTS: dict[str, dict[str, Any]] = {
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
    running = sites(app={"DEADLINE": 1, "CONNECT_TIMEOUT": 1})
    running.execute("DELETE FROM erpnet_instanceid_signin")
    return running


class Life:
    """The answers to the clients: every page works, only the instance's API may be away."""

    def __init__(self, site, crowd):
        self.site = site
        self.crowd = crowd
        self.seen: Counter[str] = Counter()
        self.wrong: list[object] = []
        self.slowest = 0.0
        self.stop = threading.Event()

    def run(self, seconds, meanwhile):
        """Lets the clients live while ``meanwhile`` does something to the instance."""
        with ThreadPoolExecutor(max_workers=CLIENTS) as pool:
            clients = [pool.submit(self._live, number) for number in range(CLIENTS)]
            try:
                meanwhile(time.monotonic() + seconds)
            finally:
                self.stop.set()
            for client in clients:
                client.result()

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


def test_outage_signs_nobody_out(site, instance, figure):
    """Silence, dropped connections, then errors, while everybody's access token has ended."""
    crowd = site.sign_in_many_expired(SESSIONS)
    life = Life(site, crowd)

    instance.next_token_answer(hold=2, drop="before", times=4)
    instance.next_token_answer(drop="before", times=4)
    instance.always("token", status=503)
    life.run(OUTAGE_SECONDS, lambda ends_at: time.sleep(ends_at - time.monotonic()))
    knocks = site.refreshes()
    instance.heal()
    assert life.wrong == []
    assert life.seen["/api 503"] > 0
    assert life.seen["/api 200"] == 0
    # Each process first repeats the requests under way, and then asks ever less often.
    assert knocks <= len(site.servers) * (CLIENTS + 8 + OUTAGE_SECONDS / 10)
    # A page waits for one attempt and its repetition at most.
    assert life.slowest < 4

    recovery = _seconds_until_renewed(site, crowd)
    assert instance.refresh_tokens_granted == len(crowd)
    assert instance.refresh_tokens_refused == 0
    assert site.execute(ENDED) == [(0,)]
    figure(
        sessions=len(crowd),
        seconds_of_outage=OUTAGE_SECONDS,
        requests=sum(life.seen.values()),
        token_requests_meanwhile=knocks,
        seconds_until_all_were_renewed=round(recovery, 1),
        slowest_answer_in_seconds=round(life.slowest, 2),
        signed_out=0,
    )
    _close(crowd)


def test_hour_of_life_loses_no_sign_in(site, instance, figure):
    """Short tokens, faults at random, two processes: nobody is signed out, nothing fails."""
    instance.set(access_token_lifetime=LIFETIME)
    crowd = site.sign_in_many(SESSIONS)
    chance = random.Random(SEED)
    life = Life(site, crowd)
    faults: Counter[str] = Counter()

    def spoil(ends_at):
        while time.monotonic() < ends_at:
            name = chance.choice(list(FAULTS))
            faults[name] += 1
            instance.next_token_answer(grant_type="refresh_token", **FAULTS[name])
            time.sleep(chance.uniform(0.2, 1.0))

    life.run(LIFE_SECONDS, spoil)
    instance.heal()
    instance.set(access_token_lifetime=3600)
    assert life.wrong == []
    sent = Counter(call["refresh_token"] for call in instance.calls("token", "refresh_token"))
    # Sent again only where an answer was spoilt.
    assert sum(sent.values()) - len(sent) <= sum(faults.values())
    assert instance.refresh_tokens_refused == 0
    assert site.execute(ENDED) == [(0,)]
    recovery = _seconds_until_renewed(site, crowd)
    assert instance.refresh_tokens_refused == 0
    figure(
        sessions=len(crowd),
        seconds=LIFE_SECONDS,
        seconds_a_token_lives=LIFETIME,
        requests=sum(life.seen.values()),
        refreshes=len(sent),
        faults=dict(faults),
        calls_while_the_instance_was_away=life.seen["/api 503"],
        slowest_answer_in_seconds=round(life.slowest, 2),
        seconds_until_all_were_renewed=round(recovery, 1),
        lost_sign_ins=0,
    )
    _close(crowd)


def _seconds_until_renewed(site, crowd):
    """How long it takes until everybody, still signed in, has a token that lives for an hour."""
    started = time.monotonic()

    def wait(person):
        while True:
            who = site.get(person, "/whoami").json()
            assert who["user"] == "maria"
            if who["expires_at"] > time.time() + 1000:
                return
            assert time.monotonic() - started < 45, "not renewed"
            time.sleep(0.2)

    with ThreadPoolExecutor(max_workers=CLIENTS) as pool:
        list(pool.map(wait, crowd))
    return time.monotonic() - started


def _close(crowd):
    for person in crowd:
        person.close()
