"""What a sign-in takes: calls to the provider, queries, CPU, and how many a server manages.

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

from .browser import Browser, Response, sign_in
from .measure import MAX_DEPTH
from .report import Report, machine, say

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
START_PATHS |= {OURS: "/signin?next=/done", OURS_CODE: "/signin?next=/done"}
ON_GUNICORN = (MOZILLA, LASUITE, "authlib", OURS_CODE, OURS)

QUERY_TARGETS = (0, 9)
CPU_TARGET = 0.66
RATE_TARGET = 1.32
VISITORS = 8


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
    calls: str
    queries: tuple[int, int]
    seconds: Sequence[float]


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
        seconds: dict[str, list[float]] = {site: [] for site in asks}
        chance = random.Random(0)
        for turn in range(turns):
            if turn % 20 == 0:
                say(f"turn {turn} of {turns}")
                instance.forget_requests()
            depth = chance.randrange(MAX_DEPTH)
            for site in chance.sample(list(asks), len(asks)):
                seconds[site].append(asks[site]("seconds_of", times=3, depth=depth))
    return {site: Taken(calls[site], queries[site], seconds[site]) for site in asks}


def calls_of(instance: RemoteInstance, sign_in_once: Callable[[], object]) -> str:
    instance.forget_requests()
    sign_in_once()
    counted = instance.counters()["calls"]
    found = [(name, counted[name]) for name in PROVIDER_CALLS if counted.get(name)]
    return ", ".join(name if times == 1 else f"{name} × {times}" for name, times in found) or "–"


def ratio(one: Sequence[float], other: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


# Many visitors: sign-ins per second


@dataclass
class Server:
    """Two gunicorn workers."""

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

    def cpu_seconds(self) -> float:
        """Of both workers since they began."""
        children = Path(f"/proc/{self.main}/task/{self.main}/children").read_text().split()
        spent = (Path(f"/proc/{child}/schedstat").read_text().split()[0] for child in children)
        return sum(map(int, spent)) / 1e9


@contextmanager
def gunicorn(env: Mapping[str, str]) -> Iterator[Server]:
    port = free_port()
    command = ["gunicorn", "benchmarks.wsgi", "--workers=2", f"--bind=127.0.0.1:{port}"]
    with process([*command, "--log-level=error"], env=env) as running:
        wait_for(port)
        yield Server(port, running.pid)


@dataclass(frozen=True)
class Rate:
    """Sign-ins per second of the clock, and per second of the workers' CPU."""

    by_clock: float
    by_cpu: float


def rate(server: Server, start: str, seconds: float) -> Rate:
    done: list[int] = []
    failed: list[Exception] = []
    ends_at = time.monotonic() + seconds

    def visit_again_and_again() -> None:
        count = 0
        with requests.Session() as at_instance:
            at_instance.trust_env = False
            try:
                while time.monotonic() < ends_at:
                    sign_in(Browser(server.send), start, at_instance, LOGIN)
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
    instance: RemoteInstance, directory: str, rounds: int, seconds: float
) -> dict[str, list[Rate]]:
    rates: dict[str, list[Rate]] = {site: [] for site in ON_GUNICORN}
    with contextlib.ExitStack() as stack:
        servers = {
            site: stack.enter_context(gunicorn(environment(site, instance, directory)))
            for site in ON_GUNICORN
        }
        for site, server in servers.items():
            rate(server, START_PATHS.get(site, "/login"), 1)
        chance = random.Random(0)
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            instance.forget_requests()
            for site in chance.sample(ON_GUNICORN, len(ON_GUNICORN)):
                start = START_PATHS.get(site, "/login")
                rates[site].append(rate(servers[site], start, seconds))
    return rates


# The report


def show(taken: Mapping[str, Taken], rates: Mapping[str, Sequence[Rate]]) -> int:
    report = Report()
    print(machine())
    cpu = {site: ratio(each.seconds, taken[MOZILLA].seconds) for site, each in taken.items()}

    def row(title: str, cell: Callable[[str], str], verdict: str) -> list[str]:
        return [title, *(cell(site) for site in TITLES), verdict]

    def all_of(what: Callable[[str], bool]) -> bool:
        return what(OURS) and what(OURS_CODE)

    def milliseconds(site: str) -> str:
        return f"{statistics.median(taken[site].seconds) * 1000:.1f} ms"

    def rate_ratio(site: str, by: str) -> float:
        ours, theirs = ([getattr(one, by) for one in rates[name]] for name in (site, MOZILLA))
        return ratio(ours, theirs)

    def rate_cell(site: str, by: str) -> str:
        if site not in rates:
            return ""
        each = statistics.median(getattr(one, by) for one in rates[site])
        return f"{rate_ratio(site, by):.2f} ({each:.0f})"

    calls_met = all_of(lambda site: taken[site].calls == "token")
    queries_met = all_of(
        lambda site: all(
            count <= most for count, most in zip(taken[site].queries, QUERY_TARGETS, strict=True)
        )
    )
    rows = [
        row(
            "calls to the provider",
            lambda site: taken[site].calls,
            report.verdict("calls", "token", met=calls_met),
        ),
        row(
            "queries, start / callback",
            lambda site: " / ".join(map(str, taken[site].queries)),
            report.verdict("queries", "0 / ≤ 9", met=queries_met),
        ),
        row("CPU of the views", milliseconds, ""),
        row(
            "the same, ratio to mozilla-django-oidc",
            lambda site: f"{cpu[site]:.2f}",
            report.verdict("CPU", "≤ 0.66", met=all_of(lambda site: cpu[site] <= CPU_TARGET)),
        ),
    ]
    if rates:
        clock_met = all_of(lambda site: rate_ratio(site, "by_clock") >= RATE_TARGET)
        cpu_met = all_of(lambda site: rate_ratio(site, "by_cpu") >= RATE_TARGET)
        rows += [
            row(
                "sign-ins per second, two gunicorn workers, ratio",
                partial(rate_cell, by="by_clock"),
                report.verdict("sign-ins per second", "≥ 1.32", met=clock_met),
            ),
            row(
                "sign-ins per second of the workers' CPU, ratio",
                partial(rate_cell, by="by_cpu"),
                report.verdict("sign-ins per CPU second", "≥ 1.32", met=cpu_met),
            ),
        ]
    report.table("A sign-in, steady state", ["", *TITLES.values(), "target for ours"], rows)
    return report.end()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=100, help="of the sites, one visitor each")
    parser.add_argument("--rounds", type=int, default=9, help="of the servers, 0 for none")
    parser.add_argument("--seconds", type=float, default=5, help="that a server's round lasts")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory, stand_in() as instance:
        instance.set(auto_sign_in=LOGIN)
        # Written as the instance does, django-allauth would take the word for a broken one.
        instance.person(LOGIN, email_verified="True")
        taken = measure_alone(instance, directory, options.turns)
        rates = {}
        if options.rounds:
            rates = measure_together(instance, directory, options.rounds, options.seconds)
    return show(taken, rates)


if __name__ == "__main__":
    sys.exit(main())
