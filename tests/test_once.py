"""One value in a process, for any number of threads, and in its forks."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from erpnet_instanceid.once import MOST, once

from .support.forks import forking, in_child


class Made:
    """An object that equals only itself."""


def slowly(*_arguments):
    time.sleep(0.05)
    return Made()


def test_threads_that_ask_at_the_same_moment_get_the_same_value():
    made = once(inherited=False)(slowly)
    start = threading.Barrier(16)

    def ask(_number):
        start.wait()
        return made("x")

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(ask, range(16)))) == 1
    assert made("x") is made("x")
    assert made("x") is not made("y")


def test_arguments_by_name_are_told_apart():
    made = once(inherited=False)(lambda *, name: Made())
    assert made(name="x") is made(name="x")
    assert made(name="x") is not made(name="y")


def test_no_more_are_kept_than_a_site_may_need():
    made = once(inherited=False)(lambda _number: Made())
    first = made(0)
    last = [made(number) for number in range(1, MOST + 1)]
    assert [made(number) for number in range(1, MOST + 1)] == last
    assert made(0) is not first


def test_forgotten_value_is_made_anew():
    made = once(inherited=True)(slowly)
    before = made("x")
    made.forget()
    assert made("x") is not before


@forking
@pytest.mark.parametrize("inherited", [True, False])
def test_child_takes_the_value_over_or_makes_its_own(inherited):
    made = once(inherited=inherited)(slowly)
    before = made("x")
    # A thread that makes another one holds the lock, and is not there in the child.
    making = threading.Thread(target=made, args=("y",))
    making.start()

    def ask():
        made("z")
        assert (made("x") is before) == inherited

    assert in_child(ask) == 0
    making.join()
