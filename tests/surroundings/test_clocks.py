"""Two hosts of a site whose clocks differ. The instance and the database have the right time."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from dataclasses import replace

import pytest
from django.conf import settings

from ..storm.site import eventually, run_site, spent_twice

DEADLINE = 1
# The lease is twice that and two seconds.
LEASE = 2 * DEADLINE + 2
SECONDS, HOUR = [30, -30], [3600, -3600]


@pytest.fixture(scope="module")
def by_clock(stand_in, new_postgres_database, tmp_path_factory):
    """The hosts of one site, by the seconds that the clock of each is ahead."""
    database = new_postgres_database()

    def options(ahead):
        apps = [*settings.INSTALLED_APPS, "tests.surroundings.clock"]
        return {"CLOCK_AHEAD_SECONDS": ahead, "INSTALLED_APPS": apps}

    with ExitStack() as stack:
        yield {
            ahead: stack.enter_context(
                run_site(
                    "gunicorn",
                    1,
                    instance=stand_in,
                    database=database,
                    directory=tmp_path_factory.mktemp("site"),
                    app={"DEADLINE": DEADLINE},
                    settings=options(ahead) if ahead else {},
                )
            )
            for ahead in (0, *SECONDS, *HOUR)
        }


@pytest.fixture
def site(request, by_clock, instance):
    """Two servers: the clock of the first one is right."""
    right, wrong = by_clock[0], by_clock[request.param]
    return replace(right, servers=[*right.servers, *wrong.servers])


differing_by_an_hour = pytest.mark.parametrize("site", HOUR, indirect=True)
differing_by_seconds = pytest.mark.parametrize("site", SECONDS, indirect=True)


@differing_by_an_hour
def test_nobody_is_signed_out_and_the_api_answers(site, instance, figure):
    instance.set(access_token_lifetime=1)
    person = site.sign_in()
    calls = [_call_when_expired(site, person, server) for server in (1, 0, 1)]
    instance.set(access_token_lifetime=3600)
    time.sleep(1.1)
    pages = site.at_once(person, ["/whoami"], 20)
    figure(refreshes=site.refreshes(), slowest=round(max(a.seconds for a in [*calls, *pages]), 2))
    assert {call.status for call in calls} == {200}
    assert {page.json()["user"] for page in pages} == {"maria"}
    assert spent_twice(instance) == []
    person.close()


def _call_when_expired(site, person, server):
    time.sleep(1.1)
    return site.get(person, "/api", server)


@differing_by_seconds
def test_lease_of_a_dead_host_ends_by_the_clock_of_the_database(site, instance, figure):
    person = site.sign_in_expired()
    # A host whose clock is behind learns from the API that the token has expired.
    time.sleep(1)
    instance.next_token_answer(hold=1, drop="before")
    dying = site.begin(person, "/api", server=1)
    eventually(lambda: site.refreshes() == 1)
    os.kill(site.servers[1].worker(), signal.SIGKILL)
    assert dying.answer().status == 0
    started = time.monotonic()
    answer = site.get(person, "/api", server=0)
    waited = time.monotonic() - started
    figure(seconds=round(waited, 1), lease=LEASE)
    assert answer.status == 200
    assert LEASE - 2 < waited < LEASE + 2
    assert site.get(person, "/whoami").json()["generation"] == 2
    person.close()
