"""Renewals that a request could do without, and those that go on after it."""

import asyncio
import dataclasses
import time

import pytest

from erpnet_instanceid.models import SignIn, sealed_tokens
from erpnet_instanceid.oidc.errors import InstanceUnavailable, SignInExpired
from erpnet_instanceid.tokens import lease
from erpnet_instanceid.tokens.refresh import Leased, Renewed, Wanted, exchange, look
from erpnet_instanceid.tokens.refresh_async import arenew
from erpnet_instanceid.tokens.renewal import renew, settle

from ..storm.site import eventually
from ..support.event_loop import run_async
from ..support.refusing import refusing, stores_tokens

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def row(client, instance_sign_in, instance):
    """The row of a sign-in, with tokens that are still good."""
    instance_sign_in(client, "maria")
    return SignIn.objects.get()


def renew_async(*args, **kwargs):
    return run_async(arenew(*args, **kwargs))


@pytest.mark.parametrize("renewal", [renew, renew_async])
@pytest.mark.parametrize("wait", [False, True])
def test_unexpected_error_is_raised_and_frees_the_row(row, configure, renewal, wait):
    # Nothing that could be sent.
    configure(APPLICATION_SECRET="\ud800")
    with pytest.raises(UnicodeEncodeError):
        renewal(row.pk, 1, wait=wait)
    assert SignIn.objects.get().leased_until is None


def test_pause_begins_when_the_instance_has_failed(row, instance, configure):
    """It took longer to fail than the pause lasts."""
    configure(DEADLINE=0.7)
    instance.next_token_answer(hold=1, drop="before", times=2)
    with pytest.raises(InstanceUnavailable, match="refresh_postponed"):
        renew(row.pk, 1, wait=True)
    with pytest.raises(InstanceUnavailable, match="backing_off"):
        renew(row.pk, 1, wait=True)


def test_row_that_cannot_be_read_ends_its_sign_in(row, instance):
    SignIn.objects.update(tokens="sealed by a key that went")
    with pytest.raises(SignInExpired, match="tokens_unreadable"):
        renew(row.pk, 1, wait=True)
    assert SignIn.objects.get().ended is not None
    assert instance.calls("token", "refresh_token") == []


def test_token_without_a_refresh_token_is_used_to_its_end(row):
    tokens = row.token_set()
    older = dataclasses.replace(tokens, refresh_token=None, expires_at=tokens.expires_at - 60)
    SignIn.objects.update(tokens=sealed_tokens(older))
    assert renew(row.pk, 1, wait=False) is None


def test_exchange_that_begins_late_spends_nothing(row, instance):
    """It has waited for a thread, and its lease may end before the answer comes."""
    leased = look(Wanted(row.pk, 1, wait=True))
    assert isinstance(leased, Leased)
    late = dataclasses.replace(leased, started=time.monotonic() - 15)
    with pytest.raises(InstanceUnavailable, match="backing_off"):
        settle(late, exchange(late))
    assert not instance.calls("token", "refresh_token")
    assert SignIn.objects.get().leased_until is None


def test_page_does_not_wait_for_a_database_that_refuses(row):
    """The tokens are stored behind it, once the database takes them."""
    started = time.monotonic()
    with refusing(stores_tokens), pytest.raises(InstanceUnavailable):
        renew(row.pk, 1, wait=False)
    assert time.monotonic() - started < 1
    eventually(lambda: SignIn.objects.get().generation == 2)


def test_page_does_not_wait_for_keys_that_hang(row, instance):
    """The answer has no ID token, so that the access token is the first one to be checked."""
    instance.change("token_answer", lambda answer: answer.pop("id_token") and answer)
    instance.rotate_keys()
    instance.always("jwks", delay=8)
    started = time.monotonic()
    assert renew(row.pk, 1, wait=False)
    assert time.monotonic() - started < 2


def test_database_that_refuses_for_long_means_later(row, monkeypatch):
    monkeypatch.setattr(lease, "STORE_DEADLINE_SECONDS", 0.3)
    with refusing(stores_tokens), pytest.raises(InstanceUnavailable, match="database_busy"):
        renew(row.pk, 1, wait=True)


@pytest.mark.parametrize("wait", [False, True])
def test_event_loop_that_stops_loses_no_tokens(row, instance, wait):
    """As when the server is told to end while the instance is slow."""
    instance.next_token_answer(delay=0.5)

    async def visit():
        visit = asyncio.ensure_future(arenew(row.pk, 1, wait=wait))
        while not instance.calls("token", "refresh_token"):
            await asyncio.sleep(0.01)
        visit.cancel()

    run_async(visit())
    eventually(lambda: SignIn.objects.get().generation == 2)


def test_few_async_renewals_in_passing_run_at_once(client, instance_sign_in, instance):
    for _ in range(6):
        client.cookies.clear()
        instance_sign_in(client, "maria")
    instance.forget_requests()
    instance.next_token_answer(delay=0.5, times=6)

    async def renew_all():
        rows = [pk async for pk in SignIn.objects.values_list("pk", flat=True)]
        each = (arenew(pk, 1, wait=False) for pk in rows)
        return await asyncio.gather(*each, return_exceptions=True)

    results = run_async(renew_all())
    assert sum(isinstance(result, Renewed) for result in results) == 4
    assert len(instance.calls("token", "refresh_token")) == 4
    # On a slow machine one of them goes on behind its request.
    eventually(lambda: not SignIn.objects.exclude(leased_until=None).exists())
