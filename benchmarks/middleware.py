"""What the middleware adds to a request whose token is fresh.

Each candidate's page is measured with and without the candidate's middleware, on a session as the
candidate leaves it, below Django's default middleware.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from .candidates import (
    CANDIDATES,
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

from .measure import Counts, Figure, Turns, added, atake_turns, counting, figure, take_turns
from .report import Report, machine, say

CALL_TARGET = 2.0
NO_COOKIE_TARGET = 1.0
PAGE_TARGET = 5.0
ASGI_TARGET = 20.0


@dataclass(frozen=True)
class Page:
    """What each candidate added to one page."""

    plain: Figure
    load: Figure
    times: Mapping[str, Figure]
    queries: Mapping[str, int]
    hops: Mapping[str, int]
    vary: Mapping[str, bool]

    def cell(self, name: str, *, hops: bool = False) -> str:
        parts = [str(self.times[name]), _number(self.queries[name], "query", "queries")]
        if hops:
            parts.append(_number(self.hops[name], "hop", "hops"))
        if self.vary[name]:
            parts.append("``Vary``")
        return ", ".join(parts)


def _number(count: int, one: str, many: str) -> str:
    return f"{count or 'no'} {one if count == 1 else many}"


def _page(turns: Turns, counted: Mapping[str, tuple[Counts, bool]]) -> Page:
    def more(name: str, what: Callable[[Counts], int]) -> int:
        return what(counted[name][0]) - what(counted[f"{name} without"][0])

    return Page(
        plain=figure(turns[f"{OURS} without"]),
        load=added(turns, LOAD, f"{OURS} without"),
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


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=1000, help="more of them, smaller errors")
    turns = parser.parse_args(arguments).turns
    user, keys = make_sessions()

    say("the call alone")
    alone = measure_call(keys, user, turns)
    without_cookie = measure_call(None, user, turns)
    by_wsgi = handlers(WSGIHandler)
    pages = {}
    for page in ("/user", "/neither"):
        say(f"WSGI {page}")
        pages[page] = measure_page(page, by_wsgi, keys, turns)
    no_cookie_vary = {
        name: varies_by_cookie(wsgi_get(by_wsgi[name], "/neither", None)) for name in NAMES
    }

    async def measure_async() -> None:
        by_asgi = handlers(ASGIHandler)
        for page in ("/async/user", "/async/neither", "/user"):
            say(f"ASGI {page}")
            pages[f"asgi {page}"] = await ameasure_page(page, by_asgi, keys, turns)

    asyncio.run(measure_async())
    return show(alone, without_cookie, no_cookie_vary, pages)


def show(
    alone: Mapping[str, Figure],
    without_cookie: Mapping[str, Figure],
    no_cookie_vary: Mapping[str, bool],
    pages: Mapping[str, Page],
) -> int:
    report = Report()
    print(machine())
    uses, neither = pages["/user"], pages["/neither"]
    auses, aneither = pages["asgi /async/user"], pages["asgi /async/neither"]
    sync_view = pages["asgi /user"]

    def row(title: str, cell: Callable[[str], str], target: str, *, met: bool) -> list[str]:
        verdict = report.verdict(title, target, met=met)
        return [title, cell(MOZILLA), cell(LASUITE), cell(OURS), verdict]

    def vary_or_not(name: str) -> str:
        return f"{without_cookie[name]}{', ``Vary``' if no_cookie_vary[name] else ''}"

    rows = [
        row(
            "the call alone, session and user loaded",
            lambda name: str(alone[name]),
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
        [
            f"ASGI, page that is not async and uses the user ({sync_view.plain})",
            *(sync_view.cell(name, hops=True) for name in (MOZILLA, LASUITE, OURS)),
            "no target",
        ],
    ]
    report.table(
        "What the middleware adds to a request with a fresh token",
        ["", "mozilla SessionRefresh", "django-lasuite", "erpnet_instanceid", "target"],
        rows,
    )
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
