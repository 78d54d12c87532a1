"""A failover: the database that a site writes to can only be read for a while."""

from __future__ import annotations

import time

import pytest

from ..storm import postgres
from ..storm.site import eventually


@pytest.fixture(params=["gunicorn", "uvicorn"])
def site(request, sites, instance):
    site = sites(request.param, 1)
    yield site
    read_only(site, False)


def read_only(site, on):
    """Makes the database refuse to write, or lets it write again, for each new connection."""
    name = site.database["NAME"]
    server = {**site.database, "NAME": "postgres"}
    value = "on" if on else "off"
    postgres.execute(server, f'ALTER DATABASE "{name}" SET default_transaction_read_only = {value}')
    postgres.execute(
        server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", name
    )


def test_tokens_that_come_during_a_failover_are_stored_later(site, instance, figure):
    person = site.sign_in_expired()
    instance.next_token_answer(delay=1)
    waiting = site.begin(person, "/private")
    eventually(lambda: site.refreshes() == 1)
    read_only(site, True)
    time.sleep(2)
    read_only(site, False)
    answer = waiting.answer()
    figure(seconds=round(answer.seconds, 2))
    assert answer.status == 200
    assert site.get(person, "/whoami").json()["generation"] == 2
    assert site.refreshes() == 1
    person.close()
