"""Database connections apart from the caller's: whose transaction they are in, and who closes
them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import connections, router, transaction

from ..models import SignIn

SQLITE_WAIT_MILLISECONDS = 250

P = ParamSpec("P")
T = TypeVar("T")


def database() -> str:
    """The alias of the database that decides, and is both read and written then."""
    return router.db_for_write(SignIn)


def inside_transaction() -> bool:
    """Whether the caller has a transaction open, by which what is written now could be undone."""
    connection = connections[database()]
    # The one that Django's TestCase wraps around a test is none, and holds all that there is: from
    # another connection nothing of it could be seen.
    return connection.in_atomic_block and not any(
        getattr(block, "_from_testcase", False) for block in connection.atomic_blocks
    )


def beside_transaction(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What ``work`` returns, done on connections that the caller's transaction has no part in."""

    def patiently() -> T:
        connection = connections[database()]
        if connection.vendor == "sqlite":
            # Beside an open write transaction of the caller no wait is long enough.
            with connection.cursor() as cursor:
                cursor.execute(f"PRAGMA busy_timeout = {SQLITE_WAIT_MILLISECONDS}")
        return work(*args, **kwargs)

    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(closing_connections, patiently).result()


def closing_connections(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What ``work`` returns; for a thread in which nobody else closes what it has opened."""
    try:
        return work(*args, **kwargs)
    finally:
        connections.close_all()


def after_commit(work: Callable[[], object]) -> None:
    """Does ``work`` now, or when the caller's transaction has been committed."""
    if inside_transaction():
        transaction.on_commit(work, using=database())
    else:
        work()
