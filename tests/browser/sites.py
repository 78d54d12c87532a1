"""The programs that the browser meets, each a process of its own."""

import os
import re
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from ..support.demo import (
    MANAGE,
    ROOT,
    program,
    read_until,
    run_demo,
    run_program,
    shop_environment,
)

PROVIDER = Path(__file__).parent / "second_provider"

# Two parts that begin as JSON does: three letters alone stand in a sealed text now and then.
TOKEN = re.compile(r"eyJ[\w-]+\.eyJ")
APPLICATION = {"APPLICATION_URI": "shop.example.com", "APPLICATION_SECRET": "tests only"}


@dataclass(frozen=True)
class SecondProvider:
    """A shop beside npm's oidc-provider."""

    shop: str
    url: str

    def events(self):
        with requests.Session() as http:
            http.trust_env = False
            return list(http.get(f"{self.url}/events", timeout=10).json())


@contextmanager
def run_watched_demo(log, **environment):
    """A demo that may be spoilt, and that is not to fail or to log a token."""
    with (
        log.open("w") as errors,
        run_demo("--control", stderr=errors, **_site(**environment)) as demo,
    ):
        yield demo
    _check_log(log)


@contextmanager
def run_second_provider(log, *, access_token_seconds):
    _install_second_provider()
    port, site_port = _free_port(), _free_port()
    url, shop = f"http://127.0.0.1:{port}", f"http://localhost:{site_port}"
    site = shop_environment(
        **_site(
            ERPNET_INSTANCE_URL=url,
            DJANGO_DEBUG="1",
            DJANGO_DATABASE=str(log.with_suffix(".sqlite3")),
            **{f"ERPNET_{name}": value for name, value in APPLICATION.items()},
        )
    )
    provider = {
        **os.environ,
        "PORT": str(port),
        "SITE": shop,
        "ACCESS_TOKEN_SECONDS": str(access_token_seconds),
        **APPLICATION,
    }
    node = [program("node"), str(PROVIDER / "server.mjs")]
    shop_server = [*MANAGE, "runserver", "--noreload", f"localhost:{site_port}"]
    subprocess.run([*MANAGE, "migrate", "--verbosity=0"], env=site, check=True, timeout=60)
    with (
        log.open("w") as errors,
        run_program(node, provider, errors) as running,
        run_program(shop_server, site, errors) as serving,
    ):
        read_until(running, "ready")
        read_until(serving, "CONTROL-C")
        yield SecondProvider(shop, url)
    _check_log(log)


def _install_second_provider():
    """`npm ci`, once for each lock file."""
    done = PROVIDER / "node_modules" / ".installed"
    locked = (PROVIDER / "package-lock.json").read_text()
    if done.exists() and done.read_text() == locked:
        return
    install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(install, cwd=PROVIDER, check=True, timeout=300)
    done.write_text(locked)


def _site(**environment):
    return {
        "DJANGO_SETTINGS_MODULE": "tests.browser.site_settings",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        **environment,
    }


def _check_log(log):
    text = log.read_text()
    # Django logs with its traceback that a page is not for the visitor.
    refusals = text.count("\ndjango.core.exceptions.PermissionDenied: ")
    assert text.count("Traceback") == refusals
    assert not TOKEN.search(text), "a token was logged"


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
