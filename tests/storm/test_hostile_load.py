"""Forged callbacks and notices in numbers, while people sign in."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import requests

from .servers import environment

SECONDS = float(os.environ.get("STORM_FLOOD_SECONDS", "12"))
RATE = os.environ.get("STORM_FLOOD_RATE", "500")
# Half of the time is for threads to find their size. In the other half some four hundred bodies of
# 300 kB arrive, of which not one in eight may stay.
MAX_GROWTH_KIB = SECONDS * 1280


def test_people_sign_in_while_forged_answers_pour_in(sites, instance, figure):
    """Every sign-in succeeds, memory stays flat, and each process looks for keys once a minute."""
    site = sites(processes=1)
    sign_in(site)
    process = flood(instance, site.servers[0].url)

    started = time.monotonic()
    took = []
    memory = None
    while (passed := time.monotonic() - started) < SECONDS:
        sign_in(site)
        took.append(time.monotonic() - started - passed)
        if memory is None and passed > SECONDS / 2:
            memory = resident_kib(site)
    grown = resident_kib(site) - memory
    told = json.loads(process.communicate(timeout=60)[0])

    key_fetches = len(instance.calls("jwks"))
    figure(
        **told,
        sign_ins=len(took),
        slowest_seconds=round(max(took), 2),
        kib_grown=grown,
        key_fetches=key_fetches,
    )
    assert set(told["answers"]) <= {"0", "400", "413", "503"}, told
    assert key_fetches <= 1 + SECONDS // 60
    assert grown < MAX_GROWTH_KIB
    assert "Traceback" not in site.logs()


def sign_in(site):
    visitor = site.new_browser()
    response = visitor.sign_in("maria", "/private")
    assert response.headers.get("Location") == "/private", response.text
    assert visitor.get("/private").text == "private page of maria"


def flood(instance, url):
    """The running flood. Its tokens name a key that the instance has."""
    told = instance.settings()
    issuer = told["INSTANCE_URL"] + "/id"
    keys = requests.get(issuer + "/.well-known/openid-configuration/jwks", timeout=30).json()
    arguments = [url, issuer, told["APPLICATION_URI"], keys["keys"][0]["kid"], RATE, str(SECONDS)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storm.flood", *arguments],
        env=environment({}),
        stdout=subprocess.PIPE,
    )
    # It tells when it begins.
    process.stdout.readline()
    instance.forget_requests()
    return process


def resident_kib(site):
    lines = Path(f"/proc/{site.servers[0].worker()}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
