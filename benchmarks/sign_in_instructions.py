"""The cost of a sign-in, in instructions of the processor.

Valgrind counts the same whatever else runs on the machine. It counts the site alone: browser and
instance run in other processes. System calls count for nothing.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from erpnet_instanceid.testing import RemoteInstance

from .browser import Browser, Response, sign_in
from .measure import Figure
from .report import Report, Row, say
from .sign_in import (
    BARE,
    LOGIN,
    OURS,
    OURS_CODE,
    PEERS,
    START_PATHS,
    TITLES,
    at_instance,
    environment,
    ready_stand_in,
    site_process,
)

COUNT = re.compile(r"^==\d+== I +refs: +([\d,]+)$", re.MULTILINE)
WARM, FEW, MANY = 2, 2, 8
# Times a login of Django alone, which grows with Python's and Django's versions as ours does. They
# are 5 % above what Python 3.12 with Django 6.1 takes, where CI counts.
LIMITS = {OURS_CODE: 1.19, OURS: 1.48}


def count(site: str, instance: RemoteInstance, directory: str) -> float:
    """The instructions of one sign-in."""
    env = {**environment(site, instance, directory), "PYTHONHASHSEED": "0"}
    log = Path(directory, site, "valgrind")
    valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no"]
    valgrind += ["--cachegrind-out-file=/dev/null", f"--log-file={log}.%p"]
    with site_process(env) as ask:
        ask("migrate")
        # The person's first sign-in takes steps of its own, and only one child could take them.
        ask("check")
    with site_process(env, under=valgrind) as ask:
        pids = [_in_child(ask, site, WARM + times) for times in (FEW, MANY)]
    few, many = (_counted(Path(f"{log}.{pid}")) for pid in pids)
    return (many - few) / (MANY - FEW)


def _in_child(ask: Callable[..., Any], site: str, times: int) -> int:
    def send(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        sent = {"method": method, "path": path, "headers": dict(headers), "body": body.decode()}
        status, head, content = ask("answer_to", **sent)
        return Response(status, head, content.encode())

    pid: int = ask("branch")
    by_post = site == "social_auth"
    with at_instance() as session:
        for _ in range(times):
            start = START_PATHS.get(site, "/login")
            sign_in(Browser(send), start, session, LOGIN, by_post=by_post)
    ask("end")
    return pid


def _counted(log: Path) -> int:
    found = COUNT.search(log.read_text())
    if found is None:
        raise RuntimeError(f"Valgrind has counted nothing: {log.read_text()}")
    return int(found[1].replace(",", ""))


def show(counts: Mapping[str, float]) -> int:
    report = Report()
    shares = {site: counted / counts[BARE] for site, counted in counts.items()}
    titles = {site: TITLES[site] for site in TITLES if site in counts}
    millions = {titles[site]: Figure(counts[site] / 1e6, 0, "million") for site in titles}
    rows = [
        Row("a sign-in", millions, better="less"),
        Row(
            "times a login of Django alone",
            {titles[site]: Figure(shares[site], 0, "") for site in titles},
            target=", ".join(f"≤ {LIMITS[site]} {titles[site]}" for site in LIMITS),
            met=all(shares[site] <= LIMITS[site] for site in LIMITS),
        ),
    ]
    report.table(
        "sign_in_instructions",
        "Instructions of a sign-in, steady state",
        list(titles.values()),
        rows,
        ours=[TITLES[OURS_CODE], TITLES[OURS]],
        peers=PEERS,
    )
    return report.end()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--without-peers", action="store_true")
    options = parser.parse_args(arguments)
    if shutil.which("valgrind") is None:
        say("Valgrind is not installed: nothing is counted.")
        # Elsewhere it may be missing, as a browser may.
        return 1 if os.environ.get("CI") else 0
    sites = [BARE, OURS_CODE, OURS] if options.without_peers else list(TITLES)
    with tempfile.TemporaryDirectory() as directory, ready_stand_in() as instance:
        counted = partial(count, instance=instance, directory=directory)
        # Other work does not change what Valgrind counts.
        with ThreadPoolExecutor(max_workers=3) as pool:
            counts = dict(zip(sites, pool.map(counted, sites), strict=True))
    return show(counts)


if __name__ == "__main__":
    sys.exit(main())
