"""`manage.py demo` in processes of its own."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from erpnet_instanceid.testing import RemoteInstance

ROOT = Path(__file__).resolve().parents[2]
MANAGE = [sys.executable, str(ROOT / "example_project" / "manage.py")]


@dataclass(frozen=True)
class Demo:
    """A running demo: the shop's address, the stand-in, and the printed banner."""

    process: subprocess.Popen[str]
    shop: str
    instance: RemoteInstance
    banner: str


def shop_environment(**variables):
    # The test run's own settings module is in the environment too.
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "shop.settings", **variables}


def run_python(*arguments, timeout=60, **options):
    """What Python prints, which has to succeed."""
    command = [sys.executable, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def program(name, path=None):
    """Where the program is; the test is skipped where it is not installed."""
    found = shutil.which(name, path=path)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@contextmanager
def run_demo(*arguments, stderr=None, **environment):
    command = [*MANAGE, "demo", "--port=0", "--instance-port=0", *arguments]
    with run_program(command, shop_environment(**environment), stderr) as process:
        banner = read_until(process, "Ctrl-C")
        shop, instance = re.findall(r"(http://\S+)/", banner)
        yield Demo(process, shop, RemoteInstance(instance), banner)


@contextmanager
def run_program(command, environment, stderr=None, pass_fds=()):
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        pass_fds=pass_fds,
        # Some are only the start of another program, which has to end as well.
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)


def read_until(process, mark):
    """The output of the program, up to the line with ``mark``."""
    read = ""
    for line in process.stdout or ():
        read += line
        if mark in line:
            return read
    raise RuntimeError(f"{process.args} ended: {read}")
