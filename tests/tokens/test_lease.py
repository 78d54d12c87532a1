"""The lease: which process may spend a refresh token, and what a late one may still do."""

import time
from datetime import timedelta

import pytest
from django.db import InterfaceError, InternalError, NotSupportedError, OperationalError
from django.utils import timezone

from erpnet_instanceid.models import SignIn
from erpnet_instanceid.oidc.errors import InstanceUnavailable, SignInExpired
from erpnet_instanceid.tokens import lease
from erpnet_instanceid.tokens.refresh import lease_seconds

from ..support.refusing import refusing

pytestmark = pytest.mark.django_db


@pytest.fixture
def row(account):
    return SignIn.objects.create(attempt="a", account=account, generation=1, tokens="first")


@pytest.fixture
def sleeper(row):
    """A process that sleeps past the end of its lease."""
    sleeper = lease.load(row.pk)
    assert lease.take(sleeper, 0.01)
    time.sleep(0.02)
    return sleeper


def test_one_of_two_readers_of_a_row_takes_the_lease(row):
    one, other = lease.load(row.pk), lease.load(row.pk)
    assert lease.take(one, 10)
    assert not lease.take(other, 10)
    assert lease.is_taken(lease.load(row.pk))
    lease.release(one)
    assert lease.take(other, 10)


def test_lease_that_is_over_is_free(row, sleeper):
    following = lease.load(row.pk)
    assert not lease.is_taken(following)
    assert lease.take(following, 10)

    # A process that slept past its lease does not release the next one's.
    lease.release(sleeper, failures=3)
    assert lease.load(row.pk).leased_until == following.leased_until
    assert lease.load(row.pk).failures == 0


def test_tokens_that_come_late_are_stored_all_the_same(row, sleeper):
    """The old ones are spent, even if another process has the lease by now."""
    following = lease.load(row.pk)
    assert lease.take(following, 10)

    assert lease.store(sleeper, "second") == 2
    assert lease.store(following, "third") is None
    stored = lease.load(row.pk)
    assert (stored.generation, stored.tokens, stored.leased_until) == (2, "second", None)


def test_stored_tokens_reset_the_failures(row):
    lease.release(row, failures=3, retry_at=timezone.now() + timedelta(seconds=4))
    assert lease.store(lease.load(row.pk), "second") == 2
    stored = lease.load(row.pk)
    assert (stored.failures, stored.retry_at) == (0, None)


def test_sign_in_that_ended_stays_so(row):
    leader, other = lease.load(row.pk), lease.load(row.pk)
    assert lease.take(leader, 10)
    SignIn.objects.update(ended=timezone.now(), tokens="")

    assert lease.store(leader, "second") is None
    assert not lease.take(other, 10)
    assert SignIn.objects.get().tokens == ""
    with pytest.raises(SignInExpired, match="sign_in_ended"):
        lease.load(row.pk)


def test_sign_in_without_a_user_has_nothing_to_renew(row):
    SignIn.objects.update(account=None)
    with pytest.raises(SignInExpired, match="sign_in_ended"):
        lease.load(row.pk)


@pytest.mark.parametrize(("exchange", "seconds"), [(1, 4), (100, 40)])
def test_lease_lasts_as_long_as_two_exchanges(site, exchange, seconds):
    site(DEADLINE=exchange)
    assert lease_seconds() == seconds


@pytest.mark.parametrize("seconds", [41, 3600])
def test_lease_that_ends_too_late_is_not_believed(row, seconds):
    """A host whose clock is ahead wrote it."""
    SignIn.objects.update(leased_until=timezone.now() + timedelta(seconds=seconds))
    other = lease.load(row.pk)
    assert not lease.is_taken(other)
    assert lease.take(other, 10)


@pytest.mark.parametrize(("seconds", "is_paused"), [(-1, False), (20, True), (3600, False)])
def test_pause_that_ends_too_late_is_not_believed(row, seconds, is_paused):
    SignIn.objects.update(retry_at=timezone.now() + timedelta(seconds=seconds))
    assert lease.is_paused(lease.load(row.pk)) == is_paused


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "kind", [OperationalError, InternalError, InterfaceError, NotSupportedError]
)
def test_database_that_refuses_means_later(row, kind):
    """Nothing has been spent so far, and a lease that is not given back ends by itself."""
    leader, other = lease.load(row.pk), lease.load(row.pk)
    assert lease.take(leader, 10)

    with refusing(bool, kind("read only")):
        with pytest.raises(InstanceUnavailable, match="database_busy"):
            lease.load(row.pk)
        with pytest.raises(InstanceUnavailable, match="database_busy"):
            lease.take(other, 10)
        lease.release(leader)
    assert lease.is_taken(lease.load(row.pk))
