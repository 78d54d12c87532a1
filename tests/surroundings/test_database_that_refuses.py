"""A failover: the database that a site writes to can only be read for a while."""

import time

import pytest

from ..storm import postgres


def read_only(site, value):
    """Makes the database refuse to write, or lets it write again, for each new connection."""
    name = site.database["NAME"]
    # In one transaction: afterwards, nobody who may write is cut off.
    postgres.execute(
        {**site.database, "NAME": "postgres"},
        f"ALTER DATABASE {name} SET default_transaction_read_only = {value};"
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
    )


@pytest.mark.parametrize("kind", ["gunicorn", "uvicorn"])
def test_tokens_that_come_during_a_failover_are_stored_later(sites, instance, kind, figure):
    site = sites(kind, 1)
    person = site.sign_in_expired()
    instance.next_token_answer(delay=1)
    waiting = site.begin(person, "/private")
    site.wait_for_refreshes(1)
    read_only(site, "on")
    time.sleep(2)
    read_only(site, "off")
    answer = waiting.result()
    figure(seconds=round(answer.seconds, 2))
    assert answer.status == 200
    assert site.get(person, "/whoami").json()["generation"] == 2
    assert site.refreshes() == 1
