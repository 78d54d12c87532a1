"""The middleware's cost for a request whose token is fresh.

Each candidate's page is measured with and without the candidate's middleware, on a session as the
candidate leaves it, below Django's default middleware. Where a process's code and stack happen to
lie is worth microseconds, so several processes measure, one after another, on one core each.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from typing import Any

from .candidates import (
    CANDIDATES,
    FIRST,
    LASUITE,
    LOAD,
    MOZILLA,
    NAMES,
    OURS,
    asgi_get,
    handlers,
    make_sessions,
    requests_to,
    varies_by_cookie,
    wsgi_get,
)

# ruff: noqa: I001 - the settings come with the candidates
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils.module_loading import import_string

from .measure import (
    Counts,
    Figure,
    Turns,
    added,
    atake_turns,
    counting,
    figure,
    of_processes,
    take_turns,
)
from .report import Noted, Report, Row, say

CALL_TARGET = 2.0
NO_COOKIE_TARGET = 1.0
PAGE_TARGET = 5.0
ASGI_TARGET = 20.0

WSGI_PAGES = ("/user", "/neither")
# Its queries vary by ten times what is to be measured, so it takes its turn more often.
LONGER = {"/user": 5}
ASGI_PAGES = ("/async/user", "/async/neither", "/user")


@dataclass(frozen=True)
class Page:
    """The seconds that each candidate added to one page."""

    plain: Figure
    load: Figure
    first: Figure
    times: Mapping[str, Figure]
    queries: Mapping[str, int]
    hops: Mapping[str, int]
    vary: Mapping[str, bool]

    def cell(self, name: str, *, hops: bool = False) -> Noted:
        parts = [_number(self.queries[name], "query", "queries")]
        if hops:
            parts.append(_number(self.hops[name], "hop", "hops"))
        if self.vary[name]:
            parts.append("``Vary``")
        if name == OURS:
            parts.append(f"at first {self.first}")
        return Noted(self.times[name], parts)


def _number(count: int, one: str, many: str) -> str:
    return f"{count or 'no'} {one if count == 1 else many}"


def _page(turns: Turns, counted: Mapping[str, tuple[Counts, bool]]) -> Page:
    def more(name: str, what: Callable[[Counts], int]) -> int:
        return what(counted[name][0]) - what(counted[f"{name} without"][0])

    return Page(
        plain=figure(turns[f"{OURS} without"]),
        load=added(turns, LOAD, f"{OURS} without"),
        first=added(turns, FIRST, f"{OURS} without"),
        times={name: added(turns, name, f"{name} without") for name in NAMES},
        queries={name: more(name, lambda counts: len(counts.queries)) for name in NAMES},
        hops={name: more(name, lambda counts: counts.hops) for name in NAMES},
        vary={name: counted[name][1] and not counted[f"{name} without"][1] for name in NAMES},
    )


def measure_page(page: str, by_name: Mapping[str, Any], keys: Any, turns: int) -> Page:
    calls = requests_to(page, wsgi_get, by_name, keys)
    counted = {}
    for name, call in calls.items():
        call()
        with counting() as counts:
            counted[name] = (counts, varies_by_cookie(call()))
    return _page(take_turns(calls, turns=turns, runs=5), counted)


async def ameasure_page(page: str, by_name: Mapping[str, Any], keys: Any, turns: int) -> Page:
    calls: dict[str, Callable[[], Awaitable[Any]]] = requests_to(page, asgi_get, by_name, keys)
    counted = {}
    for name, call in calls.items():
        await call()
        with counting() as counts:
            counted[name] = (counts, varies_by_cookie(await call()))
    return _page(await atake_turns(calls, turns=turns, runs=3), counted)


def measure_call(keys: Mapping[str, str] | None, user: Any, turns: int) -> dict[str, Figure]:
    """The call alone: the session and the user loaded, or no session cookie at all."""

    def answer(_request: HttpRequest, response: HttpResponse = HttpResponse("")) -> HttpResponse:  # noqa: B008
        return response

    def call(middleware: Callable[..., Any], request: Any) -> None:
        if keys is None:
            request.session = SessionStore(None)
        middleware(request)

    calls: dict[str, Callable[[], object]] = {}
    for candidate in CANDIDATES:
        request: Any = RequestFactory().get("/user")
        request.user = user if keys else AnonymousUser()
        request.session = SessionStore(keys[candidate.name] if keys else None)
        request.session.get("loaded")
        middleware = import_string(candidate.middleware)(answer)
        calls[candidate.name] = partial(call, middleware, request)
        calls[f"{candidate.name} without"] = partial(call, answer, request)
    taken = take_turns(calls, turns=turns, runs=5, loops=200)
    return {name: added(taken, name, f"{name} without") for name in NAMES}


@dataclass(frozen=True)
class Measured:
    """The measurements of one process, or of several together."""

    alone: Mapping[str, Figure]
    without_cookie: Mapping[str, Figure]
    no_cookie_vary: Mapping[str, bool]
    pages: Mapping[str, Page]


def stay_on_one_core() -> None:
    """Moved from core to core a process finds other caches, and its threads meet in other ways."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def measure(turns: int) -> Measured:
    stay_on_one_core()
    user, keys = make_sessions()
    by_wsgi = handlers(WSGIHandler)
    alone = measure_call(keys, user, turns)
    without_cookie = measure_call(None, user, turns)
    no_cookie_vary = {
        name: varies_by_cookie(wsgi_get(by_wsgi[name], "/neither", None)) for name in NAMES
    }
    pages = {
        page: measure_page(page, by_wsgi, keys, turns * LONGER.get(page, 1)) for page in WSGI_PAGES
    }

    async def measure_async() -> None:
        by_asgi = handlers(ASGIHandler)
        for page in ASGI_PAGES:
            pages[f"asgi {page}"] = await ameasure_page(page, by_asgi, keys, turns)

    asyncio.run(measure_async())
    return Measured(alone, without_cookie, no_cookie_vary, pages)


def together(measured: Sequence[Measured]) -> Measured:
    """The figures of several processes as one; what is counted is the same in all."""

    def times(per_process: Sequence[Mapping[str, Figure]]) -> dict[str, Figure]:
        return {name: of_processes([one[name] for one in per_process]) for name in NAMES}

    def page(name: str) -> Page:
        seen = [one.pages[name] for one in measured]
        return replace(
            seen[0],
            plain=of_processes([one.plain for one in seen]),
            load=of_processes([one.load for one in seen]),
            first=of_processes([one.first for one in seen]),
            times=times([one.times for one in seen]),
        )

    return replace(
        measured[0],
        alone=times([one.alone for one in measured]),
        without_cookie=times([one.without_cookie for one in measured]),
        pages={name: page(name) for name in measured[0].pages},
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=12)
    parser.add_argument("--turns", type=int, default=80, help="more of them, smaller errors")
    asked = parser.parse_args(arguments)
    measured = []
    for number in range(asked.processes):
        say(f"process {number + 1} of {asked.processes}")
        # A new one each time, not a fork, which would lie where this one lies.
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            measured.append(process.submit(measure, asked.turns).result())
    return show(together(measured))


def show(measured: Measured) -> int:
    report = Report()
    alone, without_cookie, pages = measured.alone, measured.without_cookie, measured.pages
    no_cookie_vary = measured.no_cookie_vary
    uses, neither = pages["/user"], pages["/neither"]
    auses, aneither = pages["asgi /async/user"], pages["asgi /async/neither"]
    sync_view = pages["asgi /user"]

    def row(
        title: str,
        cell: Callable[[str], Figure | Noted],
        target: str = "",
        met: bool | None = None,
    ) -> Row:
        cells = {name: cell(name) for name in (MOZILLA, LASUITE, OURS)}
        return Row(title, cells, better="less", target=target, met=met)

    def vary_or_not(name: str) -> Noted:
        return Noted(without_cookie[name], ["``Vary``"] if no_cookie_vary[name] else [])

    rows = [
        row(
            "the call alone, session and user loaded",
            lambda name: alone[name],
            "≤ 2 µs",
            met=alone[OURS].value <= CALL_TARGET,
        ),
        row(
            f"page that uses the user ({uses.plain})",
            uses.cell,
            "≤ 5 µs, no query",
            met=uses.times[OURS].value <= PAGE_TARGET and uses.queries[OURS] == 0,
        ),
        row(
            f"page that uses neither user nor session, signed-in visitor ({neither.plain})",
            neither.cell,
            f"the session's own load ({neither.load}, one query) and 5 µs, no ``Vary``",
            met=neither.times[OURS].value <= neither.load.value + PAGE_TARGET
            and neither.queries[OURS] <= 1
            and not neither.vary[OURS],
        ),
        row(
            "no session cookie",
            vary_or_not,
            "≤ 1 µs, no ``Vary``",
            met=without_cookie[OURS].value <= NO_COOKIE_TARGET and not no_cookie_vary[OURS],
        ),
        row(
            f"ASGI, page that uses the user ({auses.plain})",
            partial(auses.cell, hops=True),
            "≤ 20 µs, no query, no hop",
            met=auses.times[OURS].value <= ASGI_TARGET
            and auses.queries[OURS] == 0
            and auses.hops[OURS] == 0,
        ),
        row(
            f"ASGI, page that uses neither ({aneither.plain})",
            partial(aneither.cell, hops=True),
            f"the session's own load ({aneither.load}, one query, one hop) and 20 µs, no ``Vary``",
            met=aneither.times[OURS].value <= aneither.load.value + ASGI_TARGET
            and aneither.queries[OURS] <= 1
            and aneither.hops[OURS] <= 1
            and not aneither.vary[OURS],
        ),
        row(
            f"ASGI, page that is not async and uses the user ({sync_view.plain})",
            partial(sync_view.cell, hops=True),
        ),
    ]
    report.table(
        "middleware",
        "What the middleware adds to a request with a fresh token",
        [MOZILLA, LASUITE, OURS],
        rows,
        ours=[OURS],
        peers=[MOZILLA, LASUITE],
    )
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
