"""Transactions at the instance: begun, committed or rolled back, and never left open."""

import asyncio
import json
import os
import signal
import time

import pytest
from django.utils.translation import override

from erpnet_instanceid.api import service_api, transactions
from erpnet_instanceid.api.session import open_session
from erpnet_instanceid.errors import APIError
from erpnet_instanceid.oidc.errors import InstanceUnavailable, InvalidResponse

from ..support.forks import forking, in_child
from ..support.outcomes import within
from .conftest import OneToken

ROOT = "/api/domain/odata/"
ID = "843f05ff3f62400c990d2a3b119e256e"
CUSTOMER = "Crm_Sales_Customers(59098bcf-f331-478f-91c2-f5520590f534)"


class BrokenError(Exception):
    pass


def answers(instance, *then):
    instance.next_answer("api", body=ID.encode())
    for answer in then:
        instance.next_answer("api", **answer)
    instance.always("api", status=204)


def sent(instance):
    return [
        (
            call.path.removeprefix(ROOT),
            call.headers.get("TransactionId"),
            json.loads(call.body) if call.body else None,
        )
        for call in instance.calls("api")
    ]


BEGUN = ("BeginTransaction", None, {"model": "frontend", "trackChanges": False})
COMMITTED = ("EndTransaction", ID, {"commit": True})
ROLLED_BACK = ("EndTransaction", ID, {"commit": False})


def test_changes_of_a_block_are_committed(api, instance):
    answers(instance)
    with api.transaction(model="frontend") as changes:
        changes.patch(CUSTOMER, json={"Name": "x"})
        api.get(CUSTOMER)
    assert sent(instance) == [
        BEGUN,
        (CUSTOMER, ID, {"Name": "x"}),
        (CUSTOMER, None, None),
        COMMITTED,
    ]


@pytest.mark.parametrize("error", [BrokenError, KeyboardInterrupt, SystemExit])
def test_exception_rolls_back_and_is_raised(api, instance, error):
    answers(instance)
    with pytest.raises(error), api.transaction(model="frontend"):
        raise error
    assert sent(instance) == [BEGUN, ROLLED_BACK]


@pytest.mark.parametrize(
    ("answer", "error"), [({"status": 500}, APIError), ({"drop": "after"}, InstanceUnavailable)]
)
def test_refused_or_lost_commit_is_rolled_back(api, instance, answer, error):
    answers(instance, answer)
    with pytest.raises(error), api.transaction(model="frontend"):
        pass
    assert sent(instance) == [BEGUN, COMMITTED, ROLLED_BACK]


def test_failed_rollback_does_not_hide_the_error(api, instance, caplog, monkeypatch):
    monkeypatch.setattr(transactions, "PAUSES", ())
    answers(instance, {"status": 503})
    with pytest.raises(BrokenError), api.transaction():
        raise BrokenError
    assert "transaction_not_rolled_back error=server_error" in caplog.text


@pytest.mark.parametrize("body", [b"", b"a b", b"a\r\nX-Evil: 1", b"a" * 101, "ид".encode()])
def test_answer_that_is_no_transaction_id_is_refused(api, instance, body):
    instance.next_answer("api", body=body)
    with pytest.raises(InvalidResponse, match="no_transaction_id"), api.transaction():
        pass
    assert len(instance.calls("api")) == 1


def test_token_is_not_renewed_within_a_transaction(instance):
    """The instance knows the transaction by the token that began it."""
    renewed = []

    class Renewing(OneToken):
        def newer_than(self, refused):
            renewed.append(refused)
            return "newer"

    answers(instance, {"status": 401})
    with (
        pytest.raises(APIError, match="http_401"),
        open_session(Renewing()).transaction() as changes,
    ):
        changes.patch(CUSTOMER, json={})
    assert not renewed


@pytest.fixture
def hasty(service, configure):
    configure(DEADLINE=1)
    return service_api()


def rename_first(api, instance):
    with api.transaction() as changes:
        changes.patch(f"Crm_Sales_Customers({instance.customers[0]['Id']})", json={"Name": "New"})


def test_timeout_leaves_no_transaction_open(hasty, instance):
    """The instance is busy with the slow call, so it rolls back when it has done that."""

    def wait_too_long():
        with hasty.transaction() as changes:
            instance.next_answer("api", delay=1.5)
            changes.get("Crm_Sales_Customers")

    with pytest.raises(InstanceUnavailable, match="timeout"):
        wait_too_long()
    wait_until_none_is_open(instance)
    rename_first(hasty, instance)
    assert instance.customers[0]["Name"] == "New"


def test_transactions_of_tasks_take_turns(hasty, instance):
    """None of them holds up the event loop, on which the first has to come to its end."""
    key = instance.customers[0]["Id"]

    async def rename(name):
        async with hasty.atransaction() as changes:
            await changes.arequest("PATCH", f"Crm_Sales_Customers({key})", json={"Name": name})
            if name == "refused":
                raise BrokenError

    async def both():
        with override("bg"):
            return await asyncio.gather(*map(rename, ["refused", "New"]), return_exceptions=True)

    refused, done = asyncio.run(both())
    assert (type(refused), done) == (BrokenError, None)
    assert (instance.customers[0]["Name"], instance.open_transactions) == ("New", 0)
    assert {call.headers["Accept-Language"] for call in instance.calls("api")} == {"bg"}


@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_cancelled_task_leaves_no_transaction_open(hasty, instance, delay):
    """Whether it waits for the begin or in the block, and if the loop ends at once."""
    instance.next_answer("api", delay=delay)

    async def begin():
        async with hasty.atransaction():
            await asyncio.sleep(10)

    async def give_up():
        task = asyncio.ensure_future(begin())
        await asyncio.to_thread(instance.wait_for_calls, "api")
        await asyncio.sleep(0.1)
        task.cancel()

    asyncio.run(give_up())
    rename_first(hasty, instance)
    assert instance.open_transactions == 0


@forking
def test_killed_process_does_not_keep_the_next_one_out(hasty, instance):
    """Its transaction is over after 25 minutes; the next process does not wait for that."""

    def begin_and_die():
        with hasty.transaction():
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(begin_and_die) == -signal.SIGKILL
    assert instance.open_transactions == 1
    rename_first(hasty, instance)
    assert instance.open_transactions == 1
    instance.clock_offset += 25 * 60
    assert instance.open_transactions == 0


def wait_until_none_is_open(instance):
    end = time.monotonic() + 5
    while instance.open_transactions:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_begin_that_is_answered_too_late_is_rolled_back(hasty, instance):
    instance.next_answer("api", delay=2.5)
    with pytest.raises(InstanceUnavailable, match="timeout"):
        rename_first(hasty, instance)
    instance.wait_for_calls("api", 2)
    wait_until_none_is_open(instance)
    rename_first(hasty, instance)


def test_rollback_is_tried_again_until_the_instance_answers(hasty, instance, monkeypatch):
    monkeypatch.setattr(transactions, "PAUSES", (0.1, 0.1))

    def fail():
        with hasty.transaction():
            instance.next_answer("api", status=503, times=2)
            raise BrokenError

    with pytest.raises(BrokenError):
        fail()
    wait_until_none_is_open(instance)
    rename_first(hasty, instance)


def test_lost_answer_to_the_begin_blocks_the_token_25_minutes(hasty, instance):
    instance.next_answer("api", drop="after")
    with pytest.raises(InstanceUnavailable, match="connection_lost"):
        rename_first(hasty, instance)
    with within(5), pytest.raises(InstanceUnavailable, match="transaction_open"):
        rename_first(hasty, instance)
    instance.clock_offset += 25 * 60
    rename_first(hasty, instance)
    assert instance.open_transactions == 0
