"""A MariaDB server of our own."""

from contextlib import contextmanager

import pymysql

from .daemons import install, own_directory, run_daemon, server_program

# Nothing here has to outlive a crash, and no test measures the disk.
OPTIONS = (
    "--skip-networking",
    "--innodb-buffer-pool-size=32M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
)


def use_pymysql():
    """Makes Django's MySQL backend take PyMySQL, which needs no compiler, for mysqlclient."""
    # Django asks for mysqlclient's version. PyMySQL can do what is used of it.
    pymysql.version_info = (2, 2, 7, "final", 0)
    pymysql.__version__ = "2.2.7"
    pymysql.install_as_MySQLdb()


@contextmanager
def run_mariadb():
    """A running server: its socket."""
    installer, server = server_program("mariadb-install-db"), server_program("mariadbd")
    with own_directory("mysql") as (directory, as_owner):
        data, socket = f"--datadir={directory / 'data'}", directory / "socket"
        as_any = ("--auth-root-authentication-method=normal", "--skip-test-db")
        install(installer, "--no-defaults", data, *as_any, as_owner=as_owner)
        with run_daemon(
            *(server, "--no-defaults", data, f"--socket={socket}", *OPTIONS),
            directory=directory,
            as_owner=as_owner,
            # The server makes its socket when it is ready.
            answers=socket.exists,
        ):
            yield str(socket)


def new_database(socket, name, characters):
    """The Django settings of a new database whose tables have this character set."""
    with pymysql.connect(unix_socket=socket, user="root", autocommit=True) as connection:
        connection.cursor().execute(f"CREATE DATABASE `{name}` CHARACTER SET {characters}")
    return {
        "ENGINE": "django.db.backends.mysql",
        "NAME": name,
        "USER": "root",
        "HOST": socket,
    }
