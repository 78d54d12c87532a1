"""Database servers of our own, each in a directory that goes with it."""

import os
import pwd
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from ..support.demo import program

START_SECONDS = 30
# Debian has some where only root looks, and PostgreSQL's by version.
FOLDERS = [*sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True), "/usr/sbin"]


def server_program(name):
    return program(name, os.pathsep.join([*FOLDERS, os.environ.get("PATH", "")]))


@contextmanager
def own_directory(user):
    """An empty directory, and Popen's arguments to run as its owner: no server runs as root."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        if os.geteuid() != 0:
            yield Path(name), {}
            return
        names = {entry.pw_name for entry in pwd.getpwall()}
        owner = pwd.getpwnam(user if user in names else "nobody")
        os.chown(name, owner.pw_uid, owner.pw_gid)
        yield Path(name), {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


@contextmanager
def run_daemon(*command, directory, as_owner, answers):
    """Runs a server, which ``answers()`` when it is ready. Its output is in the file ``log``."""
    log = directory / "log"
    # A shell has its background jobs ignore this signal, and so would the server.
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, cwd="/", **as_owner)
    try:
        ends_at = time.monotonic() + START_SECONDS
        while not answers():
            if server.poll() is not None or time.monotonic() > ends_at:
                raise RuntimeError(log.read_text())
            time.sleep(0.05)
        yield
    finally:
        # At once, whether somebody is connected or not.
        server.send_signal(signal.SIGQUIT)
        server.wait(START_SECONDS)


def install(*command, as_owner):
    """Makes a server's first database."""
    subprocess.run(command, check=True, capture_output=True, cwd="/", **as_owner)
