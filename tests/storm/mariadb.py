"""A MariaDB server of our own, in a directory that goes with it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pymysql
import pytest

# Nothing here has to outlive a crash, and no test measures the disk.
OPTIONS = (
    "--skip-networking",
    "--innodb-buffer-pool-size=32M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
)
START_SECONDS = 30


def use_pymysql():
    """Makes Django's MySQL backend take PyMySQL, which needs no compiler, for mysqlclient."""
    # Django asks for mysqlclient's version. PyMySQL can do what is used of it.
    pymysql.version_info = (2, 2, 7, "final", 0)
    pymysql.__version__ = "2.2.7"
    pymysql.install_as_MySQLdb()


@contextmanager
def run_mariadb():
    """A running server: its directory, in which its socket is."""
    # Debian has it where only root looks.
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    install, program = (
        shutil.which(name, path=path) for name in ("mariadb-install-db", "mariadbd")
    )
    if install is None or program is None:
        pytest.skip("MariaDB's mariadb-install-db and mariadbd are not installed")
    directory = Path(tempfile.mkdtemp(prefix="maria-"))
    as_user = _not_root(directory)
    try:
        _install(install, directory, as_user)
        server = _start(program, directory, as_user)
        try:
            _wait(server, directory)
            yield directory
        finally:
            server.terminate()
            server.wait(timeout=START_SECONDS)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def new_database(directory, name, characters):
    """The Django settings of a new database whose tables have this character set."""
    with _connect(directory) as connection:
        connection.cursor().execute(f"CREATE DATABASE `{name}` CHARACTER SET {characters}")
    return {
        "ENGINE": "django.db.backends.mysql",
        "NAME": name,
        "USER": "root",
        "HOST": str(_socket(directory)),
    }


def _socket(directory):
    return directory / "socket"


def _connect(directory):
    return pymysql.connect(unix_socket=str(_socket(directory)), user="root", autocommit=True)


def _not_root(directory):
    # MariaDB refuses to run as root unless it is told another user.
    if os.geteuid() != 0:
        return []
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("mysql" if "mysql" in names else "nobody")
    os.chown(directory, user.pw_uid, user.pw_gid)
    return [f"--user={user.pw_name}"]


def _install(program, directory, as_user):
    subprocess.run(
        [
            program,
            "--no-defaults",
            *as_user,
            f"--datadir={directory / 'data'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ],
        check=True,
        capture_output=True,
    )


def _start(program, directory, as_user):
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(
            [
                program,
                "--no-defaults",
                *as_user,
                f"--datadir={directory / 'data'}",
                f"--socket={_socket(directory)}",
                *OPTIONS,
            ],
            stdout=log,
            stderr=log,
        )


def _wait(server, directory):
    ends_at = time.monotonic() + START_SECONDS
    # The server makes its socket when it is ready.
    while not _socket(directory).exists():
        if server.poll() is not None or time.monotonic() > ends_at:
            raise RuntimeError((directory / "log").read_text())
        time.sleep(0.1)
