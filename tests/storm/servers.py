"""Server processes of the site under test, and the stand-in in a process of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from erpnet_instanceid.testing import RemoteInstance

from ..support.demo import ROOT, read_until, run_program

# The storm's fifty requests, spread over four servers, and some to spare.
THREADS = 32


@dataclass
class Server:
    """One server with one worker process, at an address of its own."""

    kind: str
    url: str
    process: subprocess.Popen
    log: Path

    def worker(self):
        """The process that answers requests: gunicorn's own one only minds it."""
        if self.kind == "uvicorn":
            return self.process.pid
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return int(listed.split()[0])


@contextmanager
def run_server(kind, settings, log, *options):
    """A server for the site under test with other settings. It listens from the start."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *_command(kind, listener.fileno()), *options],
                env=environment(settings),
                stdout=output,
                stderr=output,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
    try:
        yield Server(kind, url, process, log)
    finally:
        # The whole group: a worker whose master is gone would go on.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def environment(settings):
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": str(ROOT),
        "TESTS_SETTINGS": json.dumps(settings),
    }


@contextmanager
def run_stand_in(log):
    """A stand-in in another process."""
    command = [sys.executable, "-m", "erpnet_instanceid.testing", "--port=0", "--control"]
    with log.open("w") as errors, run_program(command, environment({}), errors) as process:
        yield RemoteInstance(read_until(process, "http").split()[-1])


def migrate(settings):
    run_command(settings, "migrate", "-v", "0", "--skip-checks")


def run_command(settings, *command):
    """Runs a management command of the site under test."""
    subprocess.run(
        [sys.executable, "-m", "django", *command],
        env=environment(settings),
        stdout=subprocess.DEVNULL,
        check=True,
    )


def _command(kind, listener):
    if kind == "uvicorn":
        return ["uvicorn", "tests.asgi:application", "--fd", str(listener), "--no-access-log"]
    return [
        *("gunicorn", "tests.wsgi:application", "--no-control-socket"),
        *("--bind", f"fd://{listener}", "--workers", "1"),
        *("--worker-class", "gthread", "--threads", str(THREADS)),
        # A worker that is stopped for a while is not dead.
        *("--timeout", "120"),
    ]
