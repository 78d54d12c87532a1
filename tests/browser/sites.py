"""The programs that the browser meets, each a process of its own."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from erpnet_instanceid.testing import RemoteInstance

ROOT = Path(__file__).parents[2]
MANAGE = ROOT / "example_project" / "manage.py"
PROVIDER = Path(__file__).parent / "second_provider"

APPLICATION = {"APPLICATION_URI": "shop.example.com", "APPLICATION_SECRET": "tests only"}


@dataclass(frozen=True)
class Demo:
    """A running `manage.py demo`: the shop's address, and the stand-in."""

    shop: str
    instance: RemoteInstance


@dataclass(frozen=True)
class SecondProvider:
    """A shop beside npm's oidc-provider."""

    shop: str
    url: str

    def events(self) -> list[str]:
        with requests.Session() as http:
            http.trust_env = False
            return list(http.get(f"{self.url}/events", timeout=10).json())


@contextmanager
def run_demo(log: Path, **environment: str) -> Iterator[Demo]:
    command = ["demo", "--port=0", "--instance-port=0", "--control"]
    with _run(_manage(*command), log, _site(**environment)) as process:
        banner = _read_until(process, "Ctrl-C")
        shop, instance = re.findall(r"(http://\S+)/", banner)
        yield Demo(shop, RemoteInstance(instance))
    _check_log(log)


@contextmanager
def run_second_provider(log: Path, *, access_token_seconds: int) -> Iterator[SecondProvider]:
    port, site_port = _free_ports(2)
    url, shop = f"http://127.0.0.1:{port}", f"http://localhost:{site_port}"
    site = _site(
        ERPNET_INSTANCE_URL=url,
        ERPNET_POST_LOGOUT_URL=f"{shop}/signout-callback",
        DJANGO_DEBUG="1",
        DJANGO_DATABASE=str(log.with_suffix(".sqlite3")),
        **{f"ERPNET_{name}": value for name, value in APPLICATION.items()},
    )
    provider = {
        **os.environ,
        "PORT": str(port),
        "SITE": shop,
        "ACCESS_TOKEN_SECONDS": str(access_token_seconds),
        **APPLICATION,
    }
    node = [str(shutil.which("node")), str(PROVIDER / "server.mjs")]
    subprocess.run(_manage("migrate", "--verbosity=0"), env=site, check=True, timeout=60)
    with (
        _run(node, log.with_name("provider.log"), provider) as running,
        _run(_manage("runserver", "--noreload", f"localhost:{site_port}"), log, site) as serving,
    ):
        _read_until(running, "ready")
        _read_until(serving, "CONTROL-C")
        yield SecondProvider(shop, url)
    _check_log(log)


def install_second_provider() -> None:
    """`npm ci`, once for each lock file."""
    done = PROVIDER / "node_modules" / ".installed"
    locked = (PROVIDER / "package-lock.json").read_text()
    with (PROVIDER / "package-lock.json").open() as lock:
        # Of several test processes one installs, and the others wait.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists() and done.read_text() == locked:
            return
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=PROVIDER,
            check=True,
            timeout=300,
        )
        done.write_text(locked)


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, str(MANAGE), *arguments]


def _site(**environment: str) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.browser.site_settings",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        **environment,
    }


@contextmanager
def _run(
    command: list[str], log: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[Any]]:
    with log.open("w") as errors:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            # Some are only the start of another program, which has to end as well.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=20)


def _read_until(process: subprocess.Popen[Any], mark: str) -> str:
    read = ""
    for line in process.stdout or ():
        read += line
        if mark in line:
            return read
    raise RuntimeError(f"{process.args} ended: {read}")


def _check_log(log: Path) -> None:
    text = log.read_text()
    assert "Traceback" not in text
    assert "eyJ" not in text, "a token was logged"


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
