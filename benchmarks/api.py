"""The time of a call to the instance's API, beside a `requests.Session` with a fixed token.

All of them call a stand-in in a process of its own, take turns, and keep one session for all their
calls. How many connections that took is counted at the stand-in.
"""

from __future__ import annotations

import argparse
import gc
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import django
import requests
from django.conf import settings

settings.configure(
    SECRET_KEY="benchmarks only: not a secret, but long enough for all purposes",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "erpnet_instanceid",
    ],
    ERPNET_INSTANCEID={},
)
django.setup()

# ruff: noqa: E402 - these need the settings
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.http import HttpRequest
from django.test import override_settings

from erpnet_instanceid.api import service_api, user_api
from erpnet_instanceid.api.governor import CallLimits
from erpnet_instanceid.api.service import OwnTokens
from erpnet_instanceid.oidc.token_set import TokenSet
from erpnet_instanceid.testing import RemoteInstance
from erpnet_instanceid.tokens.entry import new_entry, write_entry

from .measure import Figure, Turns, added, figure
from .report import Report, Row, say

CUSTOMERS = "/api/domain/odata/Crm_Sales_Customers"
PARAMS = {"$top": "10"}
CALLS = 1000
WARM_UP = 20
TARGET = 0.05

PLAIN, USER, SERVICE = "plain requests.Session", "user_api", "service_api"
BARE = "the same, blind to proxies and .netrc"
EACH_TIME = "user_api, opened for each call"
UNLIMITED = "service_api, without the queue"
# The queue may add this much to a call that waits for nothing.
QUEUE_TARGET = 0.03


@contextmanager
def stand_in() -> Iterator[RemoteInstance]:
    command = [sys.executable, "-m", "erpnet_instanceid.testing", "--port=0", "--control"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield RemoteInstance(process.stdout.readline().split()[-1])
        finally:
            process.terminate()


def signed_in(token: str) -> HttpRequest:
    """A request of a visitor who has this access token for an hour."""
    request = HttpRequest()
    request.session = SessionStore()
    request.user = get_user_model()(pk=1, username="maria")
    request.session[SESSION_KEY] = str(request.user.pk)
    tokens = TokenSet(token, "", None, int(time.time()) + 3600, "read", 3600)
    write_entry(request.session, new_entry(request.session, "0" * 32, 1, tokens))
    return request


def make_calls(instance: RemoteInstance) -> dict[str, Callable[[], object]]:
    token = OwnTokens().current()
    request = signed_in(token)
    plain, bare, user, service, unlimited = (
        requests.Session(),
        requests.Session(),
        user_api(request),
        service_api(),
        service_api(),
    )
    unlimited.call_limits = CallLimits(concurrency=0, per_minute=0)
    bare.trust_env = False
    for session in (plain, bare):
        session.headers["Authorization"] = f"Bearer {token}"
    named = {PLAIN: plain, BARE: bare, USER: user, SERVICE: service, UNLIMITED: unlimited}
    for name, session in named.items():
        session.headers["User-Agent"] = name
    url, limits = instance.url + CUSTOMERS, (user.limits.connect, user.limits.deadline)
    return {
        PLAIN: lambda: plain.get(url, params=PARAMS, timeout=limits),
        BARE: lambda: bare.get(url, params=PARAMS, timeout=limits),
        USER: lambda: user.get(CUSTOMERS, params=PARAMS),
        SERVICE: lambda: service.get(CUSTOMERS, params=PARAMS),
        UNLIMITED: lambda: unlimited.get(CUSTOMERS, params=PARAMS),
        EACH_TIME: lambda: user_api(request).get(
            CUSTOMERS, params=PARAMS, headers={"User-Agent": EACH_TIME}
        ),
    }


def take_turns(calls: Mapping[str, Callable[[], Any]]) -> tuple[Turns, Turns]:
    """Seconds that each call took by the clock, and of this processor."""
    by_clock: dict[str, list[float]] = {name: [] for name in calls}
    by_cpu: dict[str, list[float]] = {name: [] for name in calls}
    chance, names = random.Random(0), list(calls)
    for turn in range(-WARM_UP, CALLS):
        chance.shuffle(names)
        if turn % 20 == 0:
            gc.collect()
        for name in names:
            clock, cpu = time.perf_counter(), time.thread_time()
            answer = calls[name]()
            taken = time.perf_counter() - clock, time.thread_time() - cpu
            if answer.status_code != 200:
                raise RuntimeError(f"{name} was answered {answer.status_code}")
            if turn >= 0:
                by_clock[name].append(taken[0])
                by_cpu[name].append(taken[1])
    return by_clock, by_cpu


def unhurried(instance: RemoteInstance) -> dict[str, Any]:
    """Settings without a limit per minute, at an instance without one: it would be reached."""
    instance.lift_limits()
    return {**instance.settings(), "API_PER_MINUTE": 0}


def connections(instance: RemoteInstance) -> dict[str, int]:
    """How many connections the stand-in accepted for each caller's calls."""
    made: dict[str, set[int]] = {}
    for call in instance.calls("api"):
        made.setdefault(call.headers["User-Agent"], set()).add(call.connection)
    order = (PLAIN, BARE, USER, SERVICE, UNLIMITED, EACH_TIME)
    return {name: len(made[name]) for name in order}


def main(arguments: Sequence[str] | None = None) -> int:
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    with (
        stand_in() as instance,
        override_settings(ERPNET_INSTANCEID={**instance.settings(), "API_PER_MINUTE": 0}),
    ):
        instance.lift_limits()
        say(f"{CALLS} calls each")
        by_clock, by_cpu = take_turns(make_calls(instance))
        made = connections(instance)
    report = Report()
    plain = figure(by_clock[PLAIN])
    queue = added(by_clock, SERVICE, UNLIMITED)
    rows = []
    for name in made:
        more = added(by_clock, name, PLAIN)
        cells: dict[str, Figure | str] = {
            "time per call": figure(by_clock[name]),
            "more than plain": _share(more, plain),
            "its own CPU": figure(by_cpu[name]),
            "connections": str(made[name]),
        }
        target, met = "", None
        if name in (USER, SERVICE):
            target = f"≤ {TARGET:.0%}, one connection"
            met = more.value <= TARGET * plain.value and made[name] == 1
        elif name == UNLIMITED:
            target = f"the queue adds {_share(queue, plain)}, ≤ {QUEUE_TARGET:.0%}"
            met = queue.value <= QUEUE_TARGET * plain.value
        rows.append(Row(name, cells, target=target, met=met))
    title = f"{CALLS:,} calls that read ten customers"
    report.table("api", title, list(rows[0].cells), rows)
    return report.end()


def _share(more: Figure, of: Figure) -> str:
    return f"{more.value / of.value:+.1%} ±{more.error / of.value:.1%}"


if __name__ == "__main__":
    sys.exit(main())
