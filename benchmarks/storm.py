"""One session whose access token has expired, and twenty requests at once on two processes."""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from erpnet_instanceid.testing import RemoteInstance
from tests.storm.at_once import Answered, Asked, send_at_once
from tests.storm.postgres import run_postgres

from .browser import Browser, sign_in
from .measure import Figure, figure
from .report import Report, Row, say
from .sign_in import (
    LOGIN,
    START_PATHS,
    TITLES,
    Server,
    at_instance,
    environment,
    gunicorn,
    migrate,
    on_postgres,
    ready_stand_in,
)

SITES = ("lasuite", "social_auth", "ours")
PEERS = [TITLES[site] for site in SITES[:2]]
REQUESTS = 20
LIFETIME = 3600
# The peers log each request that fails.
SILENT = {"stderr": subprocess.DEVNULL}


@dataclass(frozen=True)
class Round:
    """The outcome of twenty requests, and of one more after the next expiry."""

    answered: int
    renewals: int
    slowest: float
    stays: bool


def storm(site: str, server: Server, instance: RemoteInstance) -> Round:
    browser = Browser(server.send)
    instance.set(access_token_lifetime=1)
    with at_instance() as session:
        by_post = site == "social_auth"
        sign_in(browser, START_PATHS[site], session, LOGIN, by_post=by_post)
    instance.set(access_token_lifetime=LIFETIME)
    time.sleep(1.5)
    instance.forget_requests()
    asked = Asked(f"http://127.0.0.1:{server.port}/page", browser.cookies(), {"Host": "127.0.0.1"})
    answers = send_at_once([asked] * REQUESTS)
    return Round(
        answered=sum(map(_has_fresh_token, answers)),
        renewals=len(instance.calls("token", "refresh_token")),
        slowest=max(answer.seconds for answer in answers),
        stays=_has_fresh_token(send_at_once([asked])[0]),
    )


def _has_fresh_token(answer: Answered) -> bool:
    """Whether the page was answered, which shows the access token that it would use."""
    if answer.status != 200:
        return False
    payload = answer.body.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return bool(claims["exp"] > time.time())


def measure(
    instance: RemoteInstance, environments: Mapping[str, Mapping[str, str]], rounds: int
) -> dict[str, list[Round]]:
    made: dict[str, list[Round]] = {site: [] for site in environments}
    with contextlib.ExitStack() as stack:
        servers = {}
        for site, env in environments.items():
            migrate(env)
            servers[site] = stack.enter_context(gunicorn(env, threads=REQUESTS, **SILENT))
        for number in range(-1, rounds):
            say(f"round {number + 1} of {rounds}")
            for site, server in servers.items():
                came = storm(site, server, instance)
                if number >= 0:
                    made[site].append(came)
    return made


def show(made: Mapping[str, Sequence[Round]]) -> int:
    columns = {TITLES[site]: rounds for site, rounds in made.items()}
    count = len(next(iter(columns.values())))
    ours = columns["ours"]
    rows = [
        Row(
            f"of {REQUESTS} requests, answered with a fresh token",
            {name: _mean([each.answered for each in rounds]) for name, rounds in columns.items()},
            better="more",
            target=str(REQUESTS),
            met=all(each.answered == REQUESTS for each in ours),
        ),
        Row(
            "refresh token sent",
            {name: _mean([each.renewals for each in rounds]) for name, rounds in columns.items()},
            better="less",
            target="once",
            met=all(each.renewals == 1 for each in ours),
        ),
        Row(
            "visitor still signed in afterwards",
            {
                name: f"{sum(each.stays for each in rounds)} of {count}"
                for name, rounds in columns.items()
            },
            target=f"{count} of {count}",
            met=all(each.stays for each in ours),
        ),
        Row(
            "slowest of the answers, refusals included",
            {
                name: figure([each.slowest for each in rounds], "ms", 1000)
                for name, rounds in columns.items()
            },
        ),
    ]
    report = Report()
    title = f"{REQUESTS} requests at once with an expired token, two processes, {count} rounds"
    report.table("storm", title, list(columns), rows, ours=["ours"], peers=PEERS)
    return report.end()


def _mean(counts: Sequence[int]) -> Figure:
    return Figure(statistics.mean(counts), 0, "on average")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory() as directory,
        ready_stand_in() as instance,
        run_postgres() as server,
    ):
        environments = {}
        for site in SITES:
            env = environment(f"{site}_storm", instance, directory)
            environments[site] = on_postgres(env, server, site)
        made = measure(instance, environments, options.rounds)
    return show(made)


if __name__ == "__main__":
    sys.exit(main())
