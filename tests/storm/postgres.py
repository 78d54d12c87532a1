"""A PostgreSQL server of our own, in a directory that goes with it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

# Nothing here has to outlive a crash, and no test measures the disk.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "max_connections": "300",
}
START_SECONDS = 20


@contextmanager
def run_postgres():
    """A running server: the Django settings of its first database."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's initdb and postgres are not installed")
    directory = Path(tempfile.mkdtemp(prefix="storm-"))
    as_user = not_root(directory)
    try:
        _run(programs / "initdb", "-D", directory / "data", as_user=as_user)
        server = _start(programs / "postgres", directory, as_user)
        try:
            wait(server, directory)
            yield database(directory, "postgres")
        finally:
            server.terminate()
            server.wait(timeout=START_SECONDS)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def database(directory, name):
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": "postgres",
        # A socket in the server's directory: no port, and nobody else's server.
        "HOST": str(directory),
    }


def execute(settings, statement, *values):
    """The rows of a statement, outside any transaction."""
    with psycopg.connect(
        dbname=settings["NAME"], user=settings["USER"], host=settings["HOST"], autocommit=True
    ) as connection:
        cursor = connection.execute(statement, values or None)  # type: ignore[call-overload]
        return cursor.fetchall() if cursor.description else []


def _programs():
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    told = shutil.which("pg_config")
    if told:
        found = subprocess.run([told, "--bindir"], capture_output=True, text=True, check=False)
        candidates.insert(0, Path(found.stdout.strip()))
    return next((path for path in candidates if (path / "initdb").exists()), None)


def not_root(directory):
    """Popen's arguments for a program of PostgreSQL's: they refuse to run as root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(directory, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _run(*command, as_user):
    subprocess.run(
        [*map(str, command), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
        stdout=subprocess.DEVNULL,
        check=True,
        cwd="/",
        **as_user,
    )


def _start(program, directory, as_user):
    options = [part for pair in OPTIONS.items() for part in ("-c", "=".join(pair))]
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(
            [str(program), "-D", str(directory / "data"), "-k", str(directory), *options],
            stdout=log,
            stderr=log,
            cwd="/",
            **as_user,
        )


def wait(server, directory):
    """Waits until the program that listens in ``directory`` leads to a database."""
    ends_at = time.monotonic() + START_SECONDS
    while True:
        try:
            execute(database(directory, "postgres"), "SELECT 1")
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > ends_at:
                raise RuntimeError((directory / "log").read_text()) from None
            time.sleep(0.05)
        else:
            return
