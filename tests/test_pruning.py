"""Rows that nobody needs go, and no others."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.utils import timezone

from erpnet_instanceid.models import Account, SignIn
from erpnet_instanceid.pruning import prune

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    user = get_user_model().objects.create_user("maria")
    return Account.objects.create(user=user, fingerprint="x", issuer="i", key="k", sub="maria")


def row(name: str, account: Account | None = None, **ago: timedelta) -> SignIn:
    times = {field: timezone.now() - age for field, age in ago.items()}
    return SignIn.objects.create(attempt=name, account=account, **times)


def test_only_rows_that_are_over_go(account: Account) -> None:
    day = timedelta(days=1)
    row("rejected", started=3 * timedelta(hours=1))
    row("being completed", started=timedelta(minutes=1))
    row("ended", account, started=2 * day, ended=1.1 * day)
    row("just ended", account, started=2 * day, ended=0.1 * day)
    row("forgotten", account, started=40 * day, refreshed=32 * day)
    row("in use", account, started=40 * day, refreshed=1 * day)
    row("never refreshed", account, started=32 * day)
    row("new", account)

    assert prune() == 4

    left = set(SignIn.objects.values_list("attempt", flat=True))
    assert left == {"being completed", "just ended", "in use", "new"}


def test_command_says_how_many(account: Account) -> None:
    row("rejected", started=timedelta(hours=3))
    out = io.StringIO()
    call_command("instanceid", "prune", stdout=out)
    assert out.getvalue() == "1 rows deleted.\n"
    assert not SignIn.objects.exists()
