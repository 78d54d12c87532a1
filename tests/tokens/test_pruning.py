"""Rows that nobody needs go, and no others."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from erpnet_instanceid.models import Notice, SignIn
from erpnet_instanceid.tokens import pruning
from erpnet_instanceid.tokens.pruning import prune

from ..support.refusing import refusing

pytestmark = pytest.mark.django_db


def row(name, account=None, **ago):
    times = {field: timezone.now() - age for field, age in ago.items()}
    return SignIn.objects.create(attempt=name, account=account, **times)


def notice(name, age):
    return Notice.objects.create(jti=name, issued_at=0, received=timezone.now() - age)


def test_only_rows_that_are_over_go(account):
    day = timedelta(days=1)
    row("rejected", started=3 * timedelta(hours=1))
    row("being completed", started=timedelta(hours=1))
    row("ended", account, started=2 * day, ended=1.1 * day)
    row("just ended", account, started=2 * day, ended=0.1 * day)
    row("forgotten", account, started=40 * day, refreshed=32 * day)
    row("in use", account, started=40 * day, refreshed=1 * day)
    row("never refreshed", account, started=32 * day, refreshed=32 * day)
    row("new", account)
    notice("old", timedelta(hours=3))
    notice("about a sign-in under way", timedelta(hours=1))

    assert prune() == 5

    left = set(SignIn.objects.values_list("attempt", flat=True))
    assert left == {"being completed", "just ended", "in use", "new"}
    assert Notice.objects.get().jti == "about a sign-in under way"


@pytest.mark.parametrize("zone", ["America/Chicago", "Asia/Tokyo"])
def test_sign_in_under_way_stays_in_any_time_zone(zone, settings):
    """Without USE_TZ, Django writes the local time, and SQLite's own is UTC."""
    settings.USE_TZ, settings.TIME_ZONE = False, zone
    row("being completed", started=timedelta(hours=1))
    row("rejected", started=timedelta(days=1))
    prune()
    assert SignIn.objects.get().attempt == "being completed"


def test_clock_of_a_host_that_is_ahead_prunes_nothing(account, monkeypatch):
    row("in use", account, refreshed=timedelta(days=1))
    ahead = timezone.now() + timedelta(days=60)
    monkeypatch.setattr(timezone, "now", lambda: ahead)
    assert prune() == 0


@pytest.fixture(autouse=True)
def due():
    """This process has not pruned for a minute."""
    pruning.gardener.forget()


def rejected(name):
    return row(name, started=timedelta(hours=3))


def test_sign_ins_and_renewals_prune_once_a_minute(visitor, instance):
    rejected("one")
    visitor.sign_in()
    assert not SignIn.objects.filter(attempt="one").exists()
    rejected("another")
    visitor.sign_in()
    assert SignIn.objects.filter(attempt="another").exists()
    pruning.gardener.forget()
    instance.next_answer("api", status=401)
    assert visitor.get("/customers").status_code == 200
    assert not SignIn.objects.filter(attempt="another").exists()


def test_pruning_goes_on_in_chunks_until_nothing_is_left():
    long_ago = timezone.now() - timedelta(hours=3)
    count = 2 * pruning.BATCH_OF_REQUEST + 1
    SignIn.objects.bulk_create(
        SignIn(attempt=str(number), started=long_ago) for number in range(count)
    )
    for left in (pruning.BATCH_OF_REQUEST + 1, 1, 0):
        pruning.prune_now_and_then()
        assert SignIn.objects.count() == left
    rejected("one more")
    pruning.prune_now_and_then()
    assert SignIn.objects.count() == 1


def test_failing_database_breaks_no_visitors_request():
    rejected("one")

    with refusing(bool, OperationalError("database is locked")):
        pruning.prune_now_and_then()
    assert SignIn.objects.exists()


def test_each_kind_of_needless_row_is_found_by_an_index(account):
    with CaptureQueriesContext(connection) as queries:
        prune()
    for query in queries:
        if query["sql"].startswith("SELECT"):
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN QUERY PLAN " + query["sql"])
                plan = " ".join(str(line) for line in cursor.fetchall())
            assert "SEARCH" in plan, plan
