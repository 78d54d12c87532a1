"""Figures that hold on a machine that others use too.

The candidates take turns, so that what disturbs one disturbs them all. What is compared is CPU
time, of each turn the quickest run, and of all turns the median.
"""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from unittest.mock import patch

from django.db.backends.utils import CursorWrapper

TRANSACTION_CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
MICROSECONDS = 1e6
MAX_DEPTH = 160

T = TypeVar("T")
Turns = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Figure:
    """A median, and how far off it may be (95 %)."""

    value: float
    error: float
    unit: str = "µs"

    def __str__(self) -> str:
        digits = 2 if not self.unit else 1 if abs(self.value) < 20 else 0
        if not self.error:
            return f"{self.value:,.{digits}f} {self.unit}".rstrip()
        error = max(self.error, 10**-digits)
        return f"{self.value:,.{digits}f} ±{error:,.{digits}f} {self.unit}".rstrip()


def figure(values: Sequence[float], unit: str = "µs", scale: float = MICROSECONDS) -> Figure:
    """Of seconds in microseconds, unless ``unit`` and ``scale`` say other."""
    ordered = sorted(value * scale for value in values)
    count = len(ordered)
    # The order statistics between which the median lies 95 times of 100.
    reach = round(0.98 * count**0.5)
    low, high = ordered[max(count // 2 - reach, 0)], ordered[min(count // 2 + reach, count - 1)]
    return Figure(statistics.median(ordered), (high - low) / 2, unit)


def ratio(one: Sequence[float], other: Sequence[float]) -> Figure:
    """How many times as much ``one`` is as ``other`` in the same turn."""
    return figure([a / b for a, b in zip(one, other, strict=True)], unit="", scale=1)


def of_processes(figures: Sequence[Figure]) -> Figure:
    """The figures of several processes as one; how far off it may be is what they differ by."""
    if len(figures) == 1:
        return figures[0]
    return figure([one.value / MICROSECONDS for one in figures])


def added(turns: Turns, name: str, to: str) -> Figure:
    """What ``name`` takes beyond what ``to`` takes in the same turn."""
    return figure([one - other for one, other in zip(turns[name], turns[to], strict=True)])


def take_turns(
    candidates: Mapping[str, Callable[[], object]], *, turns: int, runs: int, loops: int = 1
) -> Turns:
    """CPU seconds of this thread that one call takes, for each candidate in each turn.

    CPython keeps its frames in blocks of 16 kB, and a loop that happens to call across the end of
    one is slow. So each turn begins at another depth.
    """
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    depths = random.Random(1)
    for order in _orders(candidates, turns):
        depth = depths.randrange(MAX_DEPTH)
        for name in order:
            timed = partial(_timed, candidates[name], loops)
            best = min(at_depth(depth, timed) for _ in range(runs))
            taken[name].append(best / loops)
    return taken


def at_depth(depth: int, call: Callable[[], T]) -> T:
    """What ``call`` returns, called from so many frames down."""
    return at_depth(depth - 1, call) if depth else call()


def _timed(call: Callable[[], object], loops: int) -> float:
    start = time.thread_time()
    for _ in range(loops):
        call()
    return time.thread_time() - start


async def atake_turns(
    candidates: Mapping[str, Callable[[], Awaitable[object]]], *, turns: int, runs: int
) -> Turns:
    """As `take_turns`, of the whole process: what is awaited may run in other threads."""
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    for order in _orders(candidates, turns):
        for name in order:
            call = candidates[name]
            best = float("inf")
            for _ in range(runs):
                start = time.process_time()
                await call()
                best = min(best, time.process_time() - start)
            taken[name].append(best)
    return taken


def _orders(candidates: Mapping[str, Any], turns: int) -> Iterator[list[str]]:
    chance = random.Random(0)
    names = list(candidates)
    gc.collect()
    gc.disable()
    try:
        for turn in range(turns):
            chance.shuffle(names)
            yield names
            if turn % 20 == 0:
                gc.collect()
    finally:
        gc.enable()


@dataclass
class Counts:
    """The queries inside a `counting` block; transaction control is not counted."""

    queries: list[str] = field(default_factory=list)
    hops: int = 0


@contextmanager
def counting() -> Iterator[Counts]:
    """Counts queries, and hops into another thread, of all threads."""
    counts = Counts()
    execute, run_in_executor = CursorWrapper.execute, asyncio.BaseEventLoop.run_in_executor

    def counted_execute(self: Any, sql: str, params: Any = None) -> Any:
        if not sql.startswith(TRANSACTION_CONTROL):
            counts.queries.append(sql)
        return execute(self, sql, params)

    def counted_hop(self: Any, *args: Any) -> Any:
        counts.hops += 1
        return run_in_executor(self, *args)

    with (
        patch.object(CursorWrapper, "execute", counted_execute),
        patch.object(asyncio.BaseEventLoop, "run_in_executor", counted_hop),
    ):
        yield counts
