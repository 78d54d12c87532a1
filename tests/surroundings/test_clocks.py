"""Two hosts of a site whose clocks differ. The instance and the database have the right time."""

import os
import signal
import time
from dataclasses import replace

import pytest
from django.conf import settings

from ..storm.site import spent_twice

APPS = [*settings.INSTALLED_APPS, "tests.surroundings.clock"]
DEADLINE = 1
# The lease is twice that and two seconds.
LEASE = 2 * DEADLINE + 2


@pytest.fixture
def site(request, sites, instance):
    """Two servers: the clock of the first one is right, that of the second so far ahead."""
    app = {"DEADLINE": DEADLINE}
    right = sites(processes=1, app=app)
    ahead = {"CLOCK_AHEAD_SECONDS": request.param, "INSTALLED_APPS": APPS}
    wrong = sites(processes=1, database=right.database, app=app, **ahead)
    return replace(right, servers=[*right.servers, *wrong.servers])


@pytest.mark.parametrize("site", [3600, -3600], indirect=True)
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


def _call_when_expired(site, person, server):
    time.sleep(1.1)
    return site.get(person, "/api", server)


@pytest.mark.parametrize("site", [30, -30], indirect=True)
def test_lease_of_a_dead_host_ends_by_the_clock_of_the_database(site, instance, figure):
    person = site.sign_in_expired()
    # A host whose clock is behind learns from the API that the token has expired.
    time.sleep(1)
    instance.next_token_answer(hold=1, drop="before")
    dying = site.begin(person, "/api", server=1)
    site.wait_for_refreshes(1)
    os.kill(site.servers[1].worker(), signal.SIGKILL)
    assert dying.result().status == 0
    answer = site.get(person, "/api", server=0)
    figure(seconds=round(answer.seconds, 1), lease=LEASE)
    assert answer.status == 200
    assert LEASE - 2 < answer.seconds < LEASE + 2
    assert site.get(person, "/whoami").json()["generation"] == 2
