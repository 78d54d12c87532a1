"""What a database gives up because of another transaction, and what is therefore tried again.

PostgreSQL does so with the isolation levels REPEATABLE READ and SERIALIZABLE, and every database to
end a deadlock.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import DatabaseError

T = TypeVar("T")

# Of PostgreSQL: serialization_failure, deadlock_detected.
SQL_STATES = frozenset({"40001", "40P01"})
# Of MySQL and MariaDB: deadlock found, record has changed since last read.
MYSQL_ERRORS = frozenset({1213, 1020})
ATTEMPTS = 12
PAUSE_SECONDS = 0.04


def is_conflict(error: DatabaseError) -> bool:
    """Whether the same work may succeed if it is tried again."""
    # psycopg and psycopg2 have different names for it.
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return state in SQL_STATES or bool(error.args and error.args[0] in MYSQL_ERRORS)


def tried_again(work: Callable[[], T]) -> T:
    """Returns what ``work`` returns, done again where the database has given it up."""
    for attempt in range(1, ATTEMPTS):
        try:
            return work()
        except DatabaseError as error:
            if not is_conflict(error):
                raise
            # Transactions that have met once must not meet again in step.
            time.sleep(random.uniform(0, PAUSE_SECONDS * attempt))  # noqa: S311
    return work()
