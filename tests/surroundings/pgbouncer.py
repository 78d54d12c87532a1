"""PgBouncer in front of a PostgreSQL server, in the mode that takes connections back soonest."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..storm import postgres

CONFIGURATION = """
[databases]
* = host={server} user=postgres
[pgbouncer]
pool_mode = transaction
default_pool_size = {connections}
auth_type = any
unix_socket_dir = {directory}
listen_port = 5432
"""


@contextmanager
def run_pgbouncer(server, connections):
    """PgBouncer with so many connections to the server: what it changes in Django's settings."""
    # Debian has it where only root looks.
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    directory = Path(tempfile.mkdtemp(prefix="bouncer-"))
    as_user = postgres.not_root(directory)
    configuration = directory / "ini"
    configuration.write_text(
        CONFIGURATION.format(server=server, connections=connections, directory=directory)
    )
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, configuration], stdout=log, stderr=log, cwd="/", **as_user
        )
    try:
        postgres.wait(process, directory)
        # As Django's documentation asks for this mode.
        yield {"HOST": str(directory), "DISABLE_SERVER_SIDE_CURSORS": True}
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(directory, ignore_errors=True)
