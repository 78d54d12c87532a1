"""A database that refuses some statements."""

import threading
from contextlib import contextmanager

from django.db import InternalError, connection
from django.db.backends.signals import connection_created

READ_ONLY = InternalError("cannot execute it in a read-only transaction")


def is_write(sql):
    return sql.startswith(("UPDATE", "INSERT", "DELETE"))


def stores_tokens(sql):
    return sql.startswith("UPDATE") and '"tokens" =' in sql


@contextmanager
def refusing(matches, error=READ_ONLY, *, times=None, carried_out=False):
    """Statements that match fail, in every thread, up to so many ``times``.

    ``carried_out``: the database obeys, and its word of that is lost. Yields the statements that
    failed.
    """
    failed, is_over = [], threading.Event()

    def execute_or_fail(execute, sql, *more):
        if is_over.is_set() or len(failed) == times or not matches(sql):
            return execute(sql, *more)
        failed.append(sql)
        if carried_out:
            execute(sql, *more)
        raise error

    def spoil(connection, **_kwargs):
        connection.execute_wrappers.append(execute_or_fail)

    connection_created.connect(spoil)
    try:
        with connection.execute_wrapper(execute_or_fail):
            yield failed
    finally:
        is_over.set()
        connection_created.disconnect(spoil)
