"""PgBouncer in front of a PostgreSQL server, in the mode that takes connections back soonest."""

from contextlib import contextmanager

from ..storm import postgres
from ..storm.daemons import own_directory, run_daemon, server_program

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
    program = server_program("pgbouncer")
    with own_directory("postgres") as (directory, as_owner):
        configuration = directory / "ini"
        configuration.write_text(
            CONFIGURATION.format(server=server, connections=connections, directory=directory)
        )
        with run_daemon(
            *(program, str(configuration)),
            directory=directory,
            as_owner=as_owner,
            answers=lambda: postgres.answers(directory),
        ):
            # As Django's documentation asks for this mode.
            yield {"HOST": str(directory), "DISABLE_SERVER_SIDE_CURSORS": True}
