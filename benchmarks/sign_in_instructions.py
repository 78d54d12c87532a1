"""What a sign-in takes, in instructions of the processor.

Valgrind counts the same whatever else runs on the machine. It counts the site alone: browser and
instance run in other processes. System calls count for nothing.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests

from erpnet_instanceid.testing import RemoteInstance

from .browser import Browser, Response, sign_in
from .sign_in import (
    BARE,
    LOGIN,
    OURS,
    OURS_CODE,
    START_PATHS,
    environment,
    site_process,
    stand_in,
)

COUNT = re.compile(r"^==\d+== I +refs: +([\d,]+)$", re.MULTILINE)
WARM, FEW, MANY = 2, 2, 8


def count(site: str, instance: RemoteInstance, directory: str) -> float:
    """The instructions of one sign-in."""
    env = {**environment(site, instance, directory), "PYTHONHASHSEED": "0"}
    log = Path(directory, site, "valgrind")
    valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no"]
    valgrind += ["--cachegrind-out-file=/dev/null", f"--log-file={log}.%p"]
    with site_process(env) as ask:
        ask("migrate")
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
    with requests.Session() as at_instance:
        at_instance.trust_env = False
        for _ in range(times):
            sign_in(Browser(send), START_PATHS.get(site, "/login"), at_instance, LOGIN)
    ask("end")
    return pid


def _counted(log: Path) -> int:
    found = COUNT.search(log.read_text())
    if found is None:
        raise RuntimeError(f"Valgrind has counted nothing: {log.read_text()}")
    return int(found[1].replace(",", ""))


def main(sites) -> None:
    with tempfile.TemporaryDirectory() as directory, stand_in() as instance:
        instance.set(auto_sign_in=LOGIN)
        instance.person(LOGIN, email_verified="True")
        for site in sites:
            c = count(site, instance, directory)
            print(site, f"{c:,.0f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or [BARE, OURS_CODE, OURS])
