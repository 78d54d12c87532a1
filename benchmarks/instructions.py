"""The middleware's cost for a request, in instructions of the processor.

For machines that are too busy to measure five microseconds on: Valgrind counts instructions, and
counts the same whatever else runs. Processes that differ only in the number of requests tell what
one request takes. System calls count for nothing, which favours nobody: they are the page's.
The garbage collector is off: by chance it runs once more in one process than in another.
"""

from __future__ import annotations

import asyncio
import gc
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from .candidates import (
    FIRST,
    LASUITE,
    LOAD,
    MOZILLA,
    NAMES,
    OURS,
    asgi_get,
    handlers,
    make_sessions,
)
from .candidates import requests_to, wsgi_get

# ruff: noqa: I001 - the settings come with the candidates
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler

from .measure import Figure
from .report import Report, Row

INSIDE = "BENCHMARK_UNDER_VALGRIND"
FEW, MANY = 10, 30
RUN = re.compile(r"^== (?P<page>[^|]+)\|(?P<name>[^|]+)\|(?P<times>\d+)\|(?P<pid>\d+)$")
COUNT = re.compile(r"^==(?P<pid>\d+)== I +refs: +(?P<count>[\d,]+)$")

COUNTED = "instructions"
COLUMNS = (MOZILLA, LASUITE, FIRST, OURS)
PAGES = {
    "page that uses the user": ("wsgi", "/user"),
    "page that uses neither": ("wsgi", "/neither"),
    "ASGI, page that uses the user": ("asgi", "/async/user"),
    "ASGI, page that uses neither": ("asgi", "/async/neither"),
}
# What SessionRefresh added, and what we may add, on the machine of the first measurements.
SHARES = {"page that uses the user": 5 / 8, "ASGI, page that uses the user": 20 / 318}


def count_inside() -> None:
    """Under Valgrind: one child for each number of requests, which says who it is."""
    gc.disable()
    _, keys = make_sessions()
    by_wsgi, by_asgi = handlers(WSGIHandler), handlers(ASGIHandler)
    for title, (kind, page) in PAGES.items():
        get, by_name = (wsgi_get, by_wsgi) if kind == "wsgi" else (asgi_get, by_asgi)
        for name, request in requests_to(page, get, by_name, keys).items():
            for times in (FEW, MANY):
                _in_child(title, name, times, kind, request)
    os._exit(0)


def _in_child(title: str, name: str, times: int, kind: str, request: Callable[[], Any]) -> None:
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return

    async def awaited() -> None:
        for _ in range(times):
            await request()

    if kind == "asgi":
        asyncio.run(awaited())
    else:
        for _ in range(times):
            request()
    os.write(2, f"\n== {title}|{name}|{times}|{os.getpid()}\n".encode())
    os._exit(0)


def count() -> dict[str, dict[str, float]]:
    """Instructions of one request, by page and by candidate."""
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no"]
    command += ["--cachegrind-out-file=/dev/null", sys.executable, "-m", __spec__.name]
    environment = {**os.environ, INSIDE: "1", "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=True)
    runs, counts = {}, {}
    for line in done.stderr.splitlines():
        if run := RUN.match(line):
            runs[run["pid"]] = (run["page"], run["name"], int(run["times"]))
        elif found := COUNT.match(line):
            counts[found["pid"]] = int(found["count"].replace(",", ""))
    totals = {run: counts[pid] for pid, run in runs.items()}
    return {
        page: {
            name: (totals[page, name, MANY] - totals[page, name, FEW]) / (MANY - FEW)
            for name in (*NAMES, *(f"{name} without" for name in NAMES), LOAD, FIRST)
        }
        for page in PAGES
    }


def show(counted: Mapping[str, Mapping[str, float]]) -> int:
    report = Report()
    rows = []
    for page, by_name in counted.items():
        plain = by_name[f"{OURS} without"]
        more = {name: by_name[name] - by_name[f"{name} without"] for name in NAMES}
        if page in SHARES:
            limit = SHARES[page] * more[MOZILLA]
            target = f"≤ {SHARES[page]:.2f} of SessionRefresh"
        else:
            limit = (
                by_name[LOAD] - plain + SHARES["page that uses the user"] * more_of_call(counted)
            )
            target = f"the session's own load ({by_name[LOAD] - plain:,.0f}) and what we may add"
        more[FIRST] = by_name[FIRST] - plain
        cells = {name: Figure(round(more[name]), 0, COUNTED) for name in COLUMNS}
        title = f"{page} ({plain:,.0f})"
        rows.append(Row(title, cells, better="less", target=target, met=more[OURS] <= limit))
    report.table(
        "instructions",
        "Instructions that the middleware adds to a request with a fresh token",
        COLUMNS,
        rows,
        ours=[OURS],
        peers=[MOZILLA, LASUITE],
    )
    return report.end()


def more_of_call(counted: Mapping[str, Mapping[str, float]]) -> float:
    """What SessionRefresh adds where the page uses the user anyway."""
    by_name = counted["page that uses the user"]
    return by_name[MOZILLA] - by_name[f"{MOZILLA} without"]


if __name__ == "__main__":
    if os.environ.get(INSIDE):
        count_inside()
    if shutil.which("valgrind") is None:
        sys.exit("Valgrind is not installed.")
    sys.exit(show(count()))
