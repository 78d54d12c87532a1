"""The calls of one token queue here, not at the instance."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from erpnet_instanceid.api import governor
from erpnet_instanceid.api.governor import CallLimits, Gate, Gates
from erpnet_instanceid.oidc.errors import InstanceUnavailable


def wait_until_queued(gate, count):
    end = time.monotonic() + 10
    while len(gate._queue) < count:
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.mark.parametrize("concurrency", [2, 5])
def test_as_many_calls_run_as_the_setting_says(concurrency):
    gate = Gate(CallLimits(concurrency, 0))
    assert [gate.enter_now(10) for _ in range(concurrency + 1)] == [True] * concurrency + [False]


def test_threads_and_tasks_are_admitted_in_the_order_they_came():
    gate, order = Gate(CallLimits(1, 0)), []
    gate.enter(10)

    def in_thread(number):
        gate.enter(10)
        order.append(number)
        gate.leave()

    async def in_task(number):
        await gate.aenter(10)
        order.append(number)
        gate.leave()

    async def both():
        threads, tasks = [], []
        for number in range(0, 20, 2):
            threads.append(threading.Thread(target=in_thread, args=(number,)))
            threads[-1].start()
            await asyncio.to_thread(wait_until_queued, gate, number + 1)
            tasks.append(asyncio.create_task(in_task(number + 1)))
            await asyncio.sleep(0)
            await asyncio.to_thread(wait_until_queued, gate, number + 2)
        gate.leave()
        await asyncio.gather(*tasks)
        for thread in threads:
            await asyncio.to_thread(thread.join)

    asyncio.run(both())
    assert order == list(range(20))


def test_newcomer_does_not_pass_a_queue():
    gate = Gate(CallLimits(1, 0))
    gate.enter(10)
    waiting = threading.Thread(target=gate.enter, args=(10,))
    waiting.start()
    wait_until_queued(gate, 1)
    assert not gate.enter_now(10)
    gate.leave()
    waiting.join()


def test_wait_ends_with_the_deadline():
    gate = Gate(CallLimits(1, 0))
    gate.enter(10)
    with pytest.raises(InstanceUnavailable, match="calls_queued"):
        gate.enter(0.05)
    with pytest.raises(InstanceUnavailable, match="calls_queued"):
        asyncio.run(gate.aenter(0.05))
    gate.leave()
    gate.enter(10)


def test_cancelled_task_leaves_the_queue():
    gate = Gate(CallLimits(1, 0))
    gate.enter(10)

    async def cancel():
        task = asyncio.create_task(gate.aenter(10))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    gate.leave()
    assert gate.enter_now(10)


def test_stopped_loop_holds_up_nobody_for_good():
    gate, loop = Gate(CallLimits(1, 0)), asyncio.new_event_loop()
    gate.enter(10)
    task = loop.create_task(gate.aenter(0.1))
    loop.run_until_complete(asyncio.sleep(0.01))
    gate.leave()
    gate.enter(0.3)
    loop.run_until_complete(asyncio.wait([task]))
    assert "calls_queued" in str(task.exception())
    loop.close()


def test_pause_holds_up_every_call_of_the_token():
    gate = Gate(CallLimits(5, 0))
    start = time.monotonic()
    gate.pause(0.1)
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: gate.enter(10), range(5)))
    assert 0.1 <= time.monotonic() - start < 1


@pytest.fixture
def short_minute(monkeypatch):
    monkeypatch.setattr(governor, "MINUTE", 1.0)
    return 1.0


@pytest.mark.parametrize("threads", [1, 20])
def test_no_minute_has_more_calls_than_the_limit(short_minute, threads):
    """And the minutes are used up: the limit is reached, not only kept."""
    gate, begun = Gate(CallLimits(1, 100)), []

    def call(_number):
        gate.enter(3)
        begun.append(time.monotonic())
        gate.leave()

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(call, range(250)))
    for first, last in zip(begun, begun[100:], strict=False):
        assert last - first >= short_minute
    # 100 at once, 100 in the second minute and 50 in the third.
    assert begun[-1] - begun[0] < 3 * short_minute


def test_calls_spread_before_the_queue_grows_too_long(short_minute):
    """20 threads want all of a minute's calls at once; the 21st call would wait for the next."""
    gate, waits = Gate(CallLimits(1, 20)), []

    def call(_number):
        start = time.monotonic()
        gate.enter(3)
        waits.append(time.monotonic() - start)
        gate.leave()

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(call, range(50)))
    assert max(waits) < 1.5


def test_one_caller_is_slowed_down_only_near_the_limit():
    gate = Gate(CallLimits(1, 600))
    start = time.monotonic()
    for _ in range(550):
        assert gate.enter_now(10)
        gate.leave()
    assert time.monotonic() - start < 1


def test_second_transaction_waits_for_the_first():
    gate = Gate(CallLimits())
    with (
        gate.transaction(1),
        pytest.raises(InstanceUnavailable, match="transaction_open"),
        gate.transaction(0.05),
    ):
        pass
    with gate.transaction(1):
        pass


def test_each_token_has_its_gate_and_idle_ones_make_room(monkeypatch):
    monkeypatch.setattr(governor, "MANY_GATES", 10)
    gates, limits = Gates(), CallLimits()
    busy = gates.of("busy", limits)
    assert busy is not gates.of("other", limits)
    busy.enter(1)
    for number in range(100):
        gates.of(str(number), limits)
    assert len(gates._gates) <= 11
    assert gates.of("busy", limits) is busy
