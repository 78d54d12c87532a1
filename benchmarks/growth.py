"""The time of requests with a thousand sign-ins in the table, and with a million.

The sites take turns. Times are by the clock, of requests over HTTP, since what could grow is the
wait for the database. Then a million needless rows are pruned while people sign in.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from erpnet_instanceid.testing import RemoteInstance
from tests.storm.crowd import IN_USE, NEEDLESS, add_people, add_sign_ins, analyze
from tests.storm.postgres import execute, run_postgres
from tests.storm.servers import ROOT, environment, migrate, run_stand_in
from tests.storm.site import Site, run_site
from tests.support.visitor import Visitor

from .measure import figure, ratio
from .report import Report, Row, say

SIZES = (1_000, 100_000, 1_000_000)
SIGN_INS_OF_ONE = 10
VISITORS = 4
LIFETIME = 3600

MOST_GROWTH = 1.10
MOST_DELAY_MS = 100
MOST_PRUNING_MS = 5

SIGN_IN, RENEWAL, PAGE = "sign-in: the callback", "renewal", "page with a fresh token"
BY_SID, BY_SUB, SIGN_OUT = "notice by sid", "notice by sub", "sign-out"
MAY_NOT_GROW = (SIGN_IN, RENEWAL, BY_SID, BY_SUB)

PRUNE_ONE_BATCH = """
import django, time
django.setup()
from django.db import connection
from erpnet_instanceid.tokens.pruning import BATCH_OF_REQUEST, prune
connection.ensure_connection()
for _ in range(30):
    start = time.perf_counter()
    assert prune(BATCH_OF_REQUEST) == BATCH_OF_REQUEST
    print(time.perf_counter() - start)
"""

Times = dict[str, list[float]]


@contextlib.contextmanager
def site_with(
    server: dict[str, Any], name: str, instance: RemoteInstance, size: int, **values: str
) -> Iterator[Site]:
    """A site with so many sign-ins of other people in its table."""
    say(f"{name}: {size:,} sign-ins")
    database = {**server, "NAME": name, "CONN_MAX_AGE": None}
    execute(server, f'CREATE DATABASE "{name}"')
    migrate({"DATABASES": {"default": database}})
    with tempfile.TemporaryDirectory() as directory:
        running = run_site(
            "gunicorn",
            1,
            instance=instance,
            database=database,
            directory=Path(directory),
            app={},
            settings={},
        )
        with running as site:
            site.sign_in()
            people = size // SIGN_INS_OF_ONE
            add_people(database, people)
            add_sign_ins(database, size, people, **values)
            analyze(database)
            yield site


def seconds_of(request: Callable[[], Any]) -> float:
    start = time.perf_counter()
    answer = request()
    taken = time.perf_counter() - start
    status = getattr(answer, "status_code", None) or answer.status
    if status not in (200, 302):
        raise RuntimeError(f"answered {status}")
    return taken


# Requests at each size


def sign_in(site: Site, times: Times) -> Visitor:
    visitor = Visitor(site.servers[0].url)
    answer = visitor.at(visitor.start("/private"))
    times[SIGN_IN].append(seconds_of(lambda: visitor.bring(answer)))
    return visitor


def use_and_leave(site: Site, people: Sequence[Visitor], times: Times) -> None:
    """Requests of people whose access tokens have expired, and the ways to leave."""
    for visitor in people:
        look = partial(visitor.get, "/whoami")
        times[RENEWAL].append(seconds_of(look))
        times[PAGE].append(seconds_of(look))
    first, second, *others = people
    sid = sid_of(site, second)
    times[SIGN_OUT].append(seconds_of(lambda: first.post("/signout")))
    times[BY_SID].append(seconds_of(lambda: notify(site, second, sid=sid)))
    times[BY_SUB].append(seconds_of(lambda: notify(site, others[0], sub="maria")))


def notify(site: Site, visitor: Visitor, **named: str) -> Any:
    form = {"logout_token": site.instance.logout_token(**named)}
    return visitor.http.post(f"{site.servers[0].url}/backchannel-signout", data=form)


def sid_of(site: Site, visitor: Visitor) -> str:
    (session,) = visitor.cookies("sessionid")
    ((sid,),) = site.execute(
        f"SELECT sid FROM erpnet_instanceid_signin WHERE session_key = '{session.value}'"
    )
    return str(sid)


def measure(sites: Mapping[int, Site], instance: RemoteInstance, turns: int) -> dict[int, Times]:
    times: dict[int, Times] = {size: defaultdict(list) for size in sites}
    chance = random.Random(0)
    for turn in range(-1, turns):
        say(f"turn {turn + 1} of {turns}")
        if turn == 0:
            times = {size: defaultdict(list) for size in sites}
        instance.set(access_token_lifetime=1)
        people: dict[int, list[Visitor]] = {size: [] for size in sites}
        for _ in range(VISITORS):
            for size in chance.sample(list(sites), len(sites)):
                people[size].append(sign_in(sites[size], times[size]))
        instance.set(access_token_lifetime=LIFETIME)
        time.sleep(1.5)
        for size in chance.sample(list(sites), len(sites)):
            use_and_leave(sites[size], people[size], times[size])
            for visitor in people[size]:
                visitor.close()
        instance.forget_requests()
    return times


def scans(site: Site) -> int:
    """How often the server has read one of the large tables from its beginning."""
    # A connection that waits counts its statements after ten seconds.
    time.sleep(11)
    ((count,),) = site.execute(
        "SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE relname IN "
        "('erpnet_instanceid_signin', 'erpnet_instanceid_account')"
    )
    return int(count)


def show_growth(report: Report, times: Mapping[int, Times], scanned: int) -> None:
    smallest, *_, largest = times
    growth = f"{largest:,} / {smallest:,}"
    rows = []
    for step in times[smallest]:
        cells: dict[str, Any] = {
            f"{size:,}": figure(each[step], "ms", 1000) for size, each in times.items()
        }
        grown = ratio(times[largest][step], times[smallest][step])
        limited = step in MAY_NOT_GROW
        target = f"≤ {MOST_GROWTH}" if limited else ""
        met = grown.value <= MOST_GROWTH if limited else None
        rows.append(Row(step, {**cells, growth: grown}, target=target, met=met))
    rows.append(
        Row("scans of a whole table", {f"{largest:,}": str(scanned)}, target="0", met=not scanned)
    )
    columns = [*(f"{size:,}" for size in times), growth]
    title = "A request, by the number of sign-ins in the table"
    report.table("growth", title, columns, rows)


# Pruning


def prune_while_people_sign_in(site: Site, sign_ins: int) -> tuple[float, Times]:
    """How long the command took, and how long each sign-in, before and meanwhile."""
    env = environment({"DATABASES": {"default": site.database}})
    done = subprocess.run(
        [sys.executable, "-c", PRUNE_ONE_BATCH],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    times: Times = {"batch": [float(line) for line in done.stdout.split()]}
    times["before"] = [_one_sign_in(site) for _ in range(sign_ins)]
    times["meanwhile"] = []
    start = time.monotonic()
    command = [sys.executable, "-m", "django", "instanceid", "prune"]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL) as pruning:
        while pruning.poll() is None:
            times["meanwhile"].append(_one_sign_in(site))
    return time.monotonic() - start, times


def _one_sign_in(site: Site) -> float:
    times: Times = defaultdict(list)
    sign_in(site, times).close()
    return times[SIGN_IN][0]


def show_pruning(report: Report, size: int, seconds: float, times: Times) -> None:
    before, meanwhile = figure(times["before"], "ms", 1000), figure(times["meanwhile"], "ms", 1000)
    slowest = max(times["meanwhile"]) * 1000
    batch = figure(times["batch"], "ms", 1000)
    column = f"{size:,} needless rows"
    rows = [
        Row("the command, seconds", {column: f"{seconds:.0f}"}),
        Row("a sign-in before", {column: before}),
        Row(f"one of {len(times['meanwhile'])} sign-ins meanwhile", {column: meanwhile}),
        Row("the slowest before", {column: f"{max(times['before']) * 1000:.0f} ms"}),
        Row(
            "the slowest meanwhile",
            {column: f"{slowest:.0f} ms"},
            target=f"≤ {MOST_DELAY_MS} ms more",
            met=slowest - before.value <= MOST_DELAY_MS,
        ),
        Row(
            "the batch that a request deletes",
            {column: batch},
            target=f"< {MOST_PRUNING_MS} ms",
            met=batch.value < MOST_PRUNING_MS,
        ),
    ]
    report.table("pruning", "Deleting old rows while people sign in", [column], rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=12)
    parser.add_argument("--largest", type=int, default=SIZES[-1])
    options = parser.parse_args(arguments)
    report = Report()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(run_postgres())
        log = Path(stack.enter_context(tempfile.TemporaryDirectory()), "stand-in.log")
        instance = stack.enter_context(run_stand_in(log))
        with contextlib.ExitStack() as sites:
            sizes = [size for size in SIZES if size < options.largest] + [options.largest]
            running = {
                size: sites.enter_context(site_with(server, f"n{size}", instance, size, **IN_USE))
                for size in sizes
            }
            largest = running[sizes[-1]]
            before = scans(largest)
            times = measure(running, instance, options.turns)
        show_growth(report, times, scans(largest) - before)
        values = NEEDLESS["ended"] | {"tokens": "''"}
        with site_with(server, "old", instance, options.largest, **values) as site:
            seconds, times_of_pruning = prune_while_people_sign_in(site, 30)
        show_pruning(report, options.largest, seconds, times_of_pruning)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
