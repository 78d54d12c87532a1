"""Fifty threads over one service token, at an instance that keeps to its limits."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from erpnet_instanceid.api import governor, service_api
from erpnet_instanceid.testing.world import limits

THREADS = 50
# A minute of the instance, for these tests, and the calls that the documentation allows in one.
MINUTE = 15.0
PER_MINUTE = 600


@pytest.fixture
def instance(instance_id, configure, monkeypatch):
    """The stand-in with its limits."""
    for module in (governor, limits):
        monkeypatch.setattr(module, "MINUTE", MINUTE)
    instance_id.application.system_user_allowed = True
    configure()
    return instance_id


def take_turns(calls, threads=THREADS):
    """Seconds that the threads took for this many calls each, and that the slowest call took."""

    def work(_number):
        longest, api = 0.0, service_api()
        for _ in range(calls):
            start = time.monotonic()
            assert api.get("Crm_Sales_Customers", params={"$top": 1}).status_code == 200
            longest = max(longest, time.monotonic() - start)
        return longest

    start = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        longest = max(pool.map(work, range(threads)))
    return time.monotonic() - start, longest


def test_minute_is_used_up_and_no_call_is_refused(instance, figure):
    calls = 13
    seconds, longest = take_turns(calls)
    rate = THREADS * calls / seconds * MINUTE
    figure(calls=THREADS * calls, per_minute=round(rate), longest_seconds=round(longest, 1))
    assert instance.too_many_requests == 0
    assert len(instance.calls("api")) == THREADS * calls
    assert rate > 0.9 * PER_MINUTE
    # Each call waits for at most DEADLINE.
    assert longest < 10


def test_threads_in_a_queue_are_as_fast_as_one_thread(instance, configure, figure):
    """The instance takes one call at a time, and has no limit per minute."""
    instance.requests_per_minute = None
    configure(API_PER_MINUTE=0)
    instance.always("api", delay=0.05)
    alone, _longest = take_turns(100, threads=1)
    together, longest = take_turns(2)
    share = alone / together
    figure(calls=2 * THREADS, share=f"{share:.0%}", longest_seconds=round(longest, 1))
    assert instance.too_many_requests == 0
    assert share > 0.9
