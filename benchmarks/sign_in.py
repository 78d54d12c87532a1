"""The cost of a sign-in: calls to the provider, queries, CPU, and how many a server manages.

Every site signs the same person in at the same stand-in. Each runs in processes of its own, and
they take turns.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import requests

from erpnet_instanceid.testing import RemoteInstance
from tests.storm.postgres import execute, run_postgres

from .browser import Browser, Response, sign_in
from .measure import MAX_DEPTH, Figure, figure, ratio
from .report import Report, Row, say

CLIENT_ID = "benchmark.example.com"
CLIENT_SECRET = "benchmarks only"
LOGIN = "maria"
PROVIDER_CALLS = ("discovery", "jwks", "token", "userinfo")

OURS, OURS_CODE, MOZILLA, LASUITE, BARE = "ours", "ours_code", "mozilla", "lasuite", "bare"
TITLES = {
    MOZILLA: "mozilla-django-oidc",
    LASUITE: "django-lasuite",
    "django_allauth": "django-allauth",
    "social_auth": "social-auth",
    "authlib": "Authlib",
    BARE: "Django alone",
    OURS_CODE: "ours, code flow",
    OURS: "ours",
}
START_PATHS = {MOZILLA: "/oidc/authenticate/?next=/done", LASUITE: "/authenticate/?next=/done"}
START_PATHS |= {"django_allauth": "/accounts/oidc/instance/login/?next=/done"}
START_PATHS |= {"social_auth": "/login/oidc/?next=/done"}
START_PATHS |= {OURS: "/signin?next=/done", OURS_CODE: "/signin?next=/done"}
PEERS = [TITLES[site] for site in TITLES if site not in (OURS, OURS_CODE, BARE)]
ON_GUNICORN = (MOZILLA, LASUITE, "authlib", OURS_CODE, OURS)

QUERY_TARGETS = (0, 9)
CPU_TARGETS = {OURS_CODE: 0.52, OURS: 0.62}
# Of the code flow, as the peers have it.
RATE_TARGET = 1.5
VISITORS = 8
IN_A_TURN = 20


# The processes


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(port: int) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing answers on port {port}")


@contextmanager
def process(
    command: Sequence[str], under: Sequence[str] = (), **kwargs: Any
) -> Iterator[subprocess.Popen[str]]:
    command = [*under, sys.executable, "-m", *command]
    with subprocess.Popen(command, text=True, **kwargs) as started:
        try:
            yield started
        finally:
            started.terminate()


@contextmanager
def stand_in() -> Iterator[RemoteInstance]:
    port = free_port()
    command = ["erpnet_instanceid.testing", f"--port={port}", "--control"]
    command += [f"--application-uri={CLIENT_ID}", f"--secret={CLIENT_SECRET}"]
    with process(command, stdout=subprocess.DEVNULL):
        wait_for(port)
        yield RemoteInstance(f"http://127.0.0.1:{port}")


@contextmanager
def ready_stand_in() -> Iterator[RemoteInstance]:
    """A stand-in that signs `LOGIN` in without a page."""
    with stand_in() as instance:
        instance.set(auto_sign_in=LOGIN)
        # Written as the instance does, django-allauth would take the word for a broken one.
        instance.person(LOGIN, email_verified="True")
        yield instance


def environment(site: str, instance: RemoteInstance, directory: str) -> dict[str, str]:
    own = Path(directory, site)
    own.mkdir(exist_ok=True)
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": f"benchmarks.sites.{site}",
        "BENCHMARK_DIRECTORY": str(own),
        "BENCHMARK_ISSUER": instance.issuer,
        "BENCHMARK_CLIENT_ID": CLIENT_ID,
        "BENCHMARK_CLIENT_SECRET": CLIENT_SECRET,
        # pip has compiled the peers.
        "PYTHONDONTWRITEBYTECODE": "",
    }


@contextmanager
def site_process(env: Mapping[str, str], under: Sequence[str] = ()) -> Iterator[Callable[..., Any]]:
    """A function that has the site do something, see `site_process.Site`."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with process(["benchmarks.site_process"], under, env=env, **pipes) as running:
        assert running.stdin
        assert running.stdout

        def ask(command: str, **arguments: Any) -> Any:
            running.stdin.write(json.dumps([command, arguments]) + "\n")  # type: ignore[union-attr]
            running.stdin.flush()  # type: ignore[union-attr]
            line = running.stdout.readline()  # type: ignore[union-attr]
            if not line:
                raise RuntimeError(f"{env['DJANGO_SETTINGS_MODULE']} has ended")
            return json.loads(line)

        yield ask


# One visitor at a time: calls, queries, CPU


@dataclass(frozen=True)
class Taken:
    """``turns`` holds the CPU seconds of each sign-in of each turn."""

    calls: str
    queries: tuple[int, int]
    turns: Sequence[Sequence[float]]

    @property
    def seconds(self) -> Sequence[float]:
        return [statistics.mean(turn) for turn in self.turns]

    @property
    def first(self) -> Sequence[float]:
        """Of each turn the first, with whatever the other sites have left in the caches."""
        return [turn[0] for turn in self.turns]


def measure_alone(instance: RemoteInstance, directory: str, turns: int) -> dict[str, Taken]:
    with contextlib.ExitStack() as stack:
        asks = {}
        for site in TITLES:
            say(f"starting {site}")
            env = environment(site, instance, directory)
            asks[site] = stack.enter_context(site_process(env))
            asks[site]("migrate")
            for _ in range(3):
                if not asks[site]("check"):
                    raise RuntimeError(f"{site} signs nobody in")
        calls = {site: calls_of(instance, partial(ask, "queries")) for site, ask in asks.items()}
        queries = {site: tuple(ask("queries")) for site, ask in asks.items()}
        taken: dict[str, list[list[float]]] = {site: [] for site in asks}
        chance = random.Random(0)
        for turn in range(turns):
            say(f"turn {turn + 1} of {turns}")
            instance.forget_requests()
            depth = chance.randrange(MAX_DEPTH)
            for site in chance.sample(list(asks), len(asks)):
                taken[site].append(asks[site]("seconds_of", times=IN_A_TURN, depth=depth))
    return {site: Taken(calls[site], queries[site], taken[site]) for site in asks}


def calls_of(instance: RemoteInstance, sign_in_once: Callable[[], object]) -> str:
    instance.forget_requests()
    sign_in_once()
    counted = instance.counters()["calls"]
    found = [(name, counted[name]) for name in PROVIDER_CALLS if counted.get(name)]
    return ", ".join(name if times == 1 else f"{name} × {times}" for name, times in found) or "–"


# Many visitors: sign-ins per second


@dataclass
class Server:
    """gunicorn's workers."""

    port: int
    main: int

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body=body or None, headers=dict(headers))
            answer = connection.getresponse()
            return Response(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def workers(self) -> list[str]:
        """Their process ids."""
        return Path(f"/proc/{self.main}/task/{self.main}/children").read_text().split()

    def cpu_seconds(self) -> float:
        """Of all workers since they began."""
        spent = (Path(f"/proc/{each}/schedstat").read_text().split()[0] for each in self.workers())
        return sum(map(int, spent)) / 1e9


@contextmanager
def gunicorn(
    env: Mapping[str, str], workers: int = 2, threads: int = 1, **more: Any
) -> Iterator[Server]:
    port = free_port()
    command = ["gunicorn", "benchmarks.wsgi", f"--bind=127.0.0.1:{port}"]
    command += [f"--workers={workers}", f"--threads={threads}"]
    with process([*command, "--log-level=error"], env=env, **more) as running:
        wait_for(port)
        yield Server(port, running.pid)


@dataclass(frozen=True)
class Rate:
    """Sign-ins per second of the clock, and per second of the workers' CPU."""

    by_clock: float
    by_cpu: float


@contextmanager
def at_instance() -> Iterator[requests.Session]:
    """A browser's connections to the instance."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


def rate(server: Server, start: str, seconds: float) -> Rate:
    done: list[int] = []
    failed: list[Exception] = []
    ends_at = time.monotonic() + seconds

    def visit_again_and_again() -> None:
        count = 0
        with at_instance() as session:
            try:
                while time.monotonic() < ends_at:
                    sign_in(Browser(server.send), start, session, LOGIN)
                    count += 1
            except Exception as error:  # noqa: BLE001 - raised again below
                failed.append(error)
        done.append(count)

    threads = [threading.Thread(target=visit_again_and_again) for _ in range(VISITORS)]
    began, cpu = time.monotonic(), server.cpu_seconds()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    total = sum(done)
    return Rate(total / (time.monotonic() - began), total / (server.cpu_seconds() - cpu))


def measure_together(
    instance: RemoteInstance,
    environments: Mapping[str, Mapping[str, str]],
    rounds: int,
    seconds: float,
) -> dict[str, list[Rate]]:
    """The rates of the sites with these environments."""
    rates: dict[str, list[Rate]] = {site: [] for site in environments}
    with contextlib.ExitStack() as stack:
        servers = {}
        for site, env in environments.items():
            migrate(env)
            servers[site] = stack.enter_context(gunicorn(env))
            # One by one at first: not every peer copes with the same new person twice at once.
            with at_instance() as session:
                start = START_PATHS.get(site, "/login")
                sign_in(Browser(servers[site].send), start, session, LOGIN)
            rate(servers[site], start, 1)
        chance = random.Random(0)
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            instance.forget_requests()
            for site in chance.sample(list(servers), len(servers)):
                start = START_PATHS.get(site, "/login")
                rates[site].append(rate(servers[site], start, seconds))
    return rates


def migrate(env: Mapping[str, str]) -> None:
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "-v0", "--skip-checks"], env=env, check=True
    )


def on_postgres(env: Mapping[str, str], server: dict[str, Any], name: str) -> dict[str, str]:
    """The environment of a site whose database, a new one, is on this server."""
    execute(server, f'CREATE DATABASE "{name}"')
    database = {**server, "NAME": name, "CONN_MAX_AGE": None}
    return {**env, "BENCHMARK_DATABASE": json.dumps(database)}


# The report


def show_alone(report: Report, taken: Mapping[str, Taken]) -> None:
    ours = (OURS_CODE, OURS)
    cpu = {site: ratio(each.seconds, taken[MOZILLA].seconds) for site, each in taken.items()}

    def row(title: str, cell: Callable[[str], Figure | str], **more: Any) -> Row:
        return Row(title, {TITLES[site]: cell(site) for site in TITLES}, **more)

    def slower_turns(site: str) -> str:
        pairs = zip(taken[site].seconds, taken["authlib"].seconds, strict=True)
        return f"{sum(own > theirs for own, theirs in pairs)} of {len(taken[site].seconds)}"

    rows = [
        row(
            "calls to the provider",
            lambda site: taken[site].calls,
            target="token",
            met=all(taken[site].calls == "token" for site in ours),
        ),
        row(
            "queries, start / callback",
            lambda site: " / ".join(map(str, taken[site].queries)),
            target="0 / ≤ 9",
            met=all(
                count <= most
                for site in ours
                for count, most in zip(taken[site].queries, QUERY_TARGETS, strict=True)
            ),
        ),
        row("CPU of the views", lambda site: figure(taken[site].seconds, "ms", 1000)),
        row(
            "CPU of the views, ratio to mozilla-django-oidc",
            lambda site: cpu[site],
            better="less",
            target=f"≤ {CPU_TARGETS[OURS_CODE]}, with form_post ≤ {CPU_TARGETS[OURS]}",
            met=all(cpu[site].value <= CPU_TARGETS[site] for site in ours),
        ),
        row(
            "the first of each turn, ratio to mozilla-django-oidc",
            lambda site: ratio(taken[site].first, taken[MOZILLA].first),
            better="less",
        ),
        Row(
            "turns in which it took more than Authlib",
            {TITLES[site]: slower_turns(site) for site in ours},
            target="code flow: 0",
            met=slower_turns(OURS_CODE).startswith("0 "),
        ),
    ]
    titles = [TITLES[site] for site in ours]
    report.table(
        "sign_in", "A sign-in, steady state", list(TITLES.values()), rows, ours=titles, peers=PEERS
    )


def show_together(report: Report, by_database: Mapping[str, Mapping[str, Sequence[Rate]]]) -> None:
    columns = [TITLES[site] for site in ON_GUNICORN]
    rows = [row for each in by_database.items() for row in _rate_rows(*each)]
    ours = [TITLES[OURS_CODE], TITLES[OURS]]
    title = "Two gunicorn workers, eight visitors"
    report.table("sign_in_rate", title, columns, rows, ours=ours, peers=PEERS)


def _rate_rows(database: str, rates: Mapping[str, Sequence[Rate]]) -> Iterator[Row]:
    def values(site: str, by: str) -> list[float]:
        return [getattr(each, by) for each in rates[site]]

    per_second = {TITLES[site]: figure(values(site, "by_clock"), "/s", 1) for site in rates}
    yield Row(f"{database}: sign-ins per second", per_second)
    for by, title in (("by_clock", "second"), ("by_cpu", "second of the workers' CPU")):
        base = values(MOZILLA, by)
        ratios = {TITLES[site]: ratio(values(site, by), base) for site in rates}
        has_target = database == "PostgreSQL"
        yield Row(
            f"{database}: ratio to mozilla-django-oidc, per {title}",
            ratios,
            better="more",
            target=f"code flow: ≥ {RATE_TARGET}" if has_target else "",
            met=ratios[TITLES[OURS_CODE]].value >= RATE_TARGET if has_target else None,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=40, help="of the sites, one visitor each")
    parser.add_argument("--rounds", type=int, default=5, help="of the servers, 0 for none")
    parser.add_argument("--seconds", type=float, default=3, help="that a server's round lasts")
    options = parser.parse_args(arguments)
    report = Report()
    with (
        tempfile.TemporaryDirectory() as directory,
        ready_stand_in() as instance,
        run_postgres() as server,
    ):
        show_alone(report, measure_alone(instance, directory, options.turns))
        if options.rounds:
            lasting = options.rounds, options.seconds
            sqlite = {site: environment(site, instance, directory) for site in ON_GUNICORN}
            postgres = {site: on_postgres(env, server, site) for site, env in sqlite.items()}
            rates = {
                "PostgreSQL": measure_together(instance, postgres, *lasting),
                "SQLite": measure_together(instance, sqlite, *lasting),
            }
            show_together(report, rates)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
