"""Forged callbacks and notices in numbers, while people sign in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import requests

from ..support.visitor import Visitor
from .servers import ROOT, environment
from .site import Site

SECONDS = float(os.environ.get("STORM_FLOOD_SECONDS", "20"))
RATE = float(os.environ.get("STORM_FLOOD_RATE", "500"))
# Each process looks for keys on its own: one shows what the instance sees.
PROCESSES = 1
# Half of the time is for threads to find their size. In the other half some six hundred bodies of
# 300 kB arrive, of which not one in eight may stay.
WARM_SECONDS = SECONDS / 2
MAX_GROWTH_KIB = 32 * 1024


def test_people_sign_in_while_forged_answers_pour_in(sites, instance, figure):
    """Every sign-in succeeds, memory stays flat, and each process looks for keys once a minute."""
    site: Site = sites("gunicorn", PROCESSES, database="postgres")
    for server in site.servers:
        sign_in(server.url)
    kid = signing_key_id(instance)
    instance.forget_requests()

    started = time.monotonic()
    floods = [flood(instance, server.url, kid) for server in site.servers]
    took: list[float] = []
    memory: list[int] = []
    while time.monotonic() < started + SECONDS:
        for server in site.servers:
            before = time.monotonic()
            sign_in(server.url)
            took.append(time.monotonic() - before)
        if not memory and time.monotonic() > started + WARM_SECONDS:
            memory = [resident_kib(server.worker()) for server in site.servers]
    grown = [
        resident_kib(server.worker()) - before
        for server, before in zip(site.servers, memory, strict=True)
    ]
    told = [json.loads(process.communicate(timeout=60)[0]) for process in floods]

    key_fetches = len(instance.calls("jwks"))
    took.sort()
    figure(
        hostile_answers_a_second=sum(one["a_second"] for one in told),
        statuses=[one["answers"] for one in told],
        sign_ins=len(took),
        median_seconds=round(took[len(took) // 2], 2),
        slowest_seconds=round(took[-1], 2),
        kib_grown=grown,
        key_fetches=key_fetches,
    )
    assert all(set(one["answers"]) <= {"0", "400", "413", "503"} for one in told), told
    assert key_fetches <= PROCESSES * (1 + SECONDS // 60)
    assert max(grown) < MAX_GROWTH_KIB
    assert "Traceback" not in site.logs()


def sign_in(url):
    visitor = Visitor(url)
    try:
        response = visitor.sign_in("maria", "/private")
        assert response.headers.get("Location") == "/private", response.text
        assert visitor.get("/private").text == "private page of maria"
    finally:
        visitor.close()


def signing_key_id(instance):
    keys = requests.get(
        instance.settings()["INSTANCE_URL"] + "/id/.well-known/openid-configuration/jwks",
        timeout=30,
    )
    return str(keys.json()["keys"][0]["kid"])


def flood(instance, url, kid):
    told = instance.settings()
    arguments = [url, told["INSTANCE_URL"] + "/id", told["APPLICATION_URI"], kid]
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.storm.flood",
            *arguments,
            str(RATE / PROCESSES),
            str(SECONDS),
        ],
        cwd=ROOT,
        env=environment({}),
        stdout=subprocess.PIPE,
    )


def resident_kib(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
