"""The cost of a process of each site: CPU until it can sign people in, and memory afterwards."""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from erpnet_instanceid.testing import RemoteInstance

from .browser import Browser, sign_in
from .measure import figure
from .report import Report, Row, say
from .sign_in import (
    LOGIN,
    OURS,
    PEERS,
    START_PATHS,
    TITLES,
    at_instance,
    environment,
    gunicorn,
    migrate,
    ready_stand_in,
)

# Django loads views and backends no sooner than a request needs them.
START = """
import time
from benchmarks.wsgi import application
from django.contrib.auth import get_backends
from django.urls import get_resolver
get_resolver().url_patterns
get_backends()
print(time.process_time())
"""
SITES = [site for site in TITLES if site != "ours_code"]
SIGN_INS = 20


def start_seconds(env: Mapping[str, str]) -> float:
    """CPU seconds until a new process can sign in, Python's own start included."""
    command = [sys.executable, "-c", START]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def worker_megabytes(site: str, env: Mapping[str, str]) -> float:
    """Memory that a gunicorn worker shares with no other process, after some sign-ins."""
    with gunicorn(env, workers=1) as server, at_instance() as session:
        start, by_post = START_PATHS.get(site, "/login"), site == "social_auth"
        for _ in range(SIGN_INS):
            sign_in(Browser(server.send), start, session, LOGIN, by_post=by_post)
        (worker,) = server.workers()
        lines = Path(f"/proc/{worker}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def measure(
    instance: RemoteInstance, directory: str, turns: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    environments = {site: environment(site, instance, directory) for site in SITES}
    for env in environments.values():
        migrate(env)
        # The first process compiles what no other has imported.
        start_seconds(env)
    starts: dict[str, list[float]] = {site: [] for site in SITES}
    memory: dict[str, list[float]] = {site: [] for site in SITES}
    chance = random.Random(0)
    for turn in range(turns):
        say(f"turn {turn + 1} of {turns}")
        for site in chance.sample(SITES, len(SITES)):
            starts[site] += [start_seconds(environments[site]) for _ in range(3)]
            memory[site].append(worker_megabytes(site, environments[site]))
    return starts, memory


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=4)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory, ready_stand_in() as instance:
        starts, memory = measure(instance, directory, options.turns)
    rows = [
        Row(
            "CPU until a new process can sign somebody in",
            {TITLES[site]: figure(starts[site], "ms", 1000) for site in SITES},
            better="less",
        ),
        Row(
            f"memory of a gunicorn worker after {SIGN_INS} sign-ins",
            {TITLES[site]: figure(memory[site], "MB", 1) for site in SITES},
            better="less",
        ),
    ]
    report = Report()
    columns = [TITLES[site] for site in SITES]
    report.table("footprint", "A process", columns, rows, ours=[TITLES[OURS]], peers=PEERS)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
