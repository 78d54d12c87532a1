"""A value that is fetched once for all threads: no thread waits for it without a bound.

How long a value is kept, and when a failed fetch is repeated, is in test_provider.py.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from erpnet_instanceid.oidc.errors import InstanceUnavailable, InvalidResponse
from erpnet_instanceid.oidc.fetched import HURRIED_SECONDS, PATIENCE_SECONDS, Fetched, as_stranger
from erpnet_instanceid.oidc.pool import deadline, seconds_left

from ..support.forks import forking, in_child
from .wire import lasting


class Source:
    """The server that a fetch asks. It answers when the test opens it."""

    def __init__(self):
        self.is_open = threading.Event()
        self.asked = 0
        self.error: Exception | None = None

    def fetch(self):
        self.asked += 1
        assert self.is_open.wait(20)
        if self.error is not None:
            raise self.error
        return f"value {self.asked}"


@pytest.fixture
def source():
    made = Source()
    yield made
    made.is_open.set()


@pytest.fixture
def fetched(source):
    return Fetched("tests", source.fetch, time.monotonic, retry_seconds=5)


def outcome(work):
    """The returned value, or the code of the error."""
    try:
        return work()
    except (InstanceUnavailable, InvalidResponse) as error:
        return error.code


def test_hanging_fetch_holds_up_each_thread_once(fetched, source):
    """The visitors who come while it hangs for long are told at once."""
    with lasting(0, PATIENCE_SECONDS + 1), ThreadPoolExecutor(8) as threads:
        assert set(threads.map(outcome, [fetched.get] * 8)) == {"timeout"}

    for work in [*[fetched.get] * 20, lambda: fetched.renew("another")]:
        with lasting(0, 0.1):
            assert outcome(work) == "timeout"
    assert source.asked == 1

    # The fetch goes on, and its value serves those who come later.
    source.is_open.set()
    time.sleep(0.1)
    assert fetched.get() == "value 1"


def test_caller_with_little_time_spoils_nothing_for_others(fetched, source):
    with lasting(0, 0.5), deadline(0.1):
        assert outcome(fetched.get) == "timeout"

    source.is_open.set()

    assert fetched.get() == "value 1"
    assert source.asked == 1


def test_fetch_has_no_deadline_of_its_caller():
    left: list[float] = []
    fetched = Fetched("tests", lambda: left.append(seconds_left()), time.monotonic, retry_seconds=5)

    with deadline(5):
        fetched.get()

    assert left == [float("inf")]


def test_each_thread_gets_an_error_of_its_own(fetched, source):
    """A traceback is written into the exception that is raised."""
    source.error = InvalidResponse("not_json")

    def caught(_):
        with pytest.raises(InvalidResponse) as caught:
            fetched.get()
        return caught.value

    with ThreadPoolExecutor(5) as threads:
        waiting = threads.map(caught, range(5))
        source.is_open.set()
        assert len({id(error) for error in waiting}) == 5
    assert source.asked == 1


def test_mistake_in_a_fetch_is_raised_and_blocks_nothing(fetched, source):
    source.is_open.set()
    source.error = KeyError("ours")
    with pytest.raises(KeyError):
        fetched.get()

    source.error = None
    assert fetched.get() == "value 2"


def test_two_strangers_wait_and_the_next_hurries(fetched, source):
    """Requests that anybody can send leave threads for the others."""

    def stranger():
        with as_stranger():
            return outcome(fetched.get)

    with ThreadPoolExecutor(6) as threads:
        strangers = [threads.submit(stranger) for _ in range(5)]
        known = threads.submit(fetched.get)
        time.sleep(HURRIED_SECONDS + 0.3)
        told = [each.result() for each in strangers if each.done()]
        source.is_open.set()
        assert known.result() == "value 1"
        assert sorted(each.result() for each in strangers)[3:] == ["value 1"] * 2
    assert told == ["metadata_pending"] * 3


@forking
def test_child_does_not_wait_for_the_fetch_of_its_parent(fetched, source):
    with deadline(0.1):
        outcome(fetched.get)
    assert source.asked == 1

    def fetch():
        source.is_open.set()
        assert outcome(fetched.get) == "value 2"

    assert in_child(fetch) == 0
