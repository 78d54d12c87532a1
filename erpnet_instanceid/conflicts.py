"""Tries work again that a database has given up because of another transaction.

PostgreSQL does so with the isolation levels REPEATABLE READ and SERIALIZABLE, and every database to
end a deadlock.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.contrib.sessions.backends.base import UpdateError
from django.db import DatabaseError, Error, connections

T = TypeVar("T")

# PostgreSQL's codes: serialization_failure, deadlock_detected.
SQL_STATES = frozenset({"40001", "40P01"})
# The codes of MySQL and MariaDB: deadlock found, record has changed since last read.
MYSQL_ERRORS = frozenset({1213, 1020})
ATTEMPTS = 12
PAUSE_SECONDS = 0.04


def is_conflict(error: BaseException) -> bool:
    """Whether the same work may succeed if it is tried again."""
    if isinstance(error, UpdateError):
        # A session engine raises it in place of the database's error.
        return error.__context__ is not None and is_conflict(error.__context__)
    return isinstance(error, DatabaseError) and has_code(error, SQL_STATES, MYSQL_ERRORS)


def has_code(error: Error, sql_states: frozenset[str], mysql_errors: frozenset[int]) -> bool:
    """Whether a database's error has one of these codes."""
    # psycopg and psycopg2 have different names for it.
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return state in sql_states or bool(error.args and error.args[0] in mysql_errors)


def tried_again(work: Callable[[], T]) -> T:
    """Returns what ``work`` returns, done again where the database has given it up.

    Inside a transaction it is done once: only the whole transaction can be tried again.
    """
    for attempt in range(1, ATTEMPTS):
        try:
            return work()
        except (DatabaseError, UpdateError) as error:
            if not is_conflict(error) or _inside_transaction():
                raise
            # Transactions that have met once must not meet again in step.
            time.sleep(random.uniform(0, PAUSE_SECONDS * attempt))  # noqa: S311
    return work()


def _inside_transaction() -> bool:
    return any(each.in_atomic_block for each in connections.all(initialized_only=True))
