"""A PostgreSQL server of our own."""

from contextlib import contextmanager

import psycopg

from .daemons import install, own_directory, run_daemon, server_program

# Nothing here has to outlive a crash, and no test measures the disk.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "max_connections": "300",
}


@contextmanager
def run_postgres():
    """A running server: the Django settings of its first database."""
    initdb, server = server_program("initdb"), server_program("postgres")
    with own_directory("postgres") as (directory, as_owner):
        data = ("-D", str(directory / "data"))
        as_any = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        install(initdb, *data, *as_any, as_owner=as_owner)
        options = [part for pair in OPTIONS.items() for part in ("-c", "=".join(pair))]
        with run_daemon(
            *(server, *data, "-k", str(directory), *options),
            directory=directory,
            as_owner=as_owner,
            answers=lambda: answers(directory),
        ):
            yield database(directory)


def database(directory):
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": "postgres",
        # A socket in the server's directory: no port, and nobody else's server.
        "HOST": str(directory),
    }


def answers(directory):
    """Whether the program that listens in ``directory`` leads to a database."""
    try:
        execute(database(directory), "SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def execute(settings, statement, *values):
    """The rows of a statement, outside any transaction."""
    with psycopg.connect(
        dbname=settings["NAME"], user=settings["USER"], host=settings["HOST"], autocommit=True
    ) as connection:
        cursor = connection.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []
