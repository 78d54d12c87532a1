"""Database connections: returns the request's own to the pool, and runs work on other ones."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar

from django.db import Error as DatabaseFailure
from django.db import connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from ..models import SignIn
from ..oidc.errors import InstanceUnavailable

# How long to wait for a second connection, and on SQLite for the database itself.
BORROW_SECONDS = 0.25

P = ParamSpec("P")
T = TypeVar("T")


def database() -> str:
    """The alias of the database that holds the sign-ins. Reads use it as well as writes."""
    return router.db_for_write(SignIn)


def inside_transaction() -> bool:
    """Whether the caller has a transaction open: its rollback would undo what we write now."""
    connection = connections[database()]
    if _is_in_manual_mode(connection):
        return True
    # TestCase's own transaction does not count: the test's data lives in it and could not be seen
    # from another connection.
    return connection.in_atomic_block and not any(
        getattr(block, "_from_testcase", False) for block in connection.atomic_blocks
    )


def _is_in_manual_mode(connection: BaseDatabaseWrapper) -> bool:
    """Whether the site has switched autocommit off, and commits by itself."""
    is_open = connection.connection is not None
    return is_open and not connection.autocommit and not connection.in_atomic_block


def give_back() -> None:
    """Returns this thread's connections to their pools, before a wait for the network.

    Other requests can use them meanwhile. A connection without a pool stays: no other thread could
    use it, and the site may have set it up (``SET ROLE``, ``search_path``).
    """
    pooled = [
        alias
        for alias, settings in connections.settings.items()
        if settings.get("OPTIONS", {}).get("pool")
    ]
    if not pooled:
        # As on most sites. Each API call comes here, and looking for connections takes longer.
        return
    for connection in connections.all(initialized_only=True):
        is_free = not connection.in_atomic_block and not _is_in_manual_mode(connection)
        if connection.alias in pooled and is_free:
            connection.close()


def beside_transaction(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Returns the result of ``work``, which runs in a thread on a database connection of its own.

    So the caller's transaction cannot roll the write back. Raises InstanceUnavailable where there
    is no second connection within BORROW_SECONDS.
    """
    opened: Future[None] = Future()

    def on_own_connection() -> T:
        _open_connection(opened)
        return work(*args, **kwargs)

    threads = ThreadPoolExecutor(max_workers=1)
    done = threads.submit(Caller().run, on_own_connection)
    threads.shutdown(wait=False)
    try:
        # Requests that hold the whole pool and wait for each other do not all give up at once.
        opened.result(timeout=BORROW_SECONDS * random.uniform(0.4, 1))  # noqa: S311
    except DatabaseFailure:
        raise InstanceUnavailable("database_busy") from None
    except FutureTimeoutError:
        if opened.cancel() or opened.exception() is not None:
            raise InstanceUnavailable("database_busy") from None
    return done.result()


def _open_connection(opened: Future[None]) -> None:
    connection = connections[database()]
    try:
        connection.ensure_connection()
        connection.set_autocommit(True)
        if connection.vendor == "sqlite":
            # No wait is long enough while the caller's transaction holds the write lock.
            with connection.cursor() as cursor:
                cursor.execute(f"PRAGMA busy_timeout = {round(BORROW_SECONDS * 1000)}")
    except DatabaseFailure as error:
        opened.set_exception(error)
        raise
    try:
        opened.set_result(None)
    except InvalidStateError:
        # The caller has left.
        raise InstanceUnavailable("database_busy") from None


class Caller:
    """The context variables and the tenant of the caller's thread, for work in another thread.

    django-tenants has chosen a schema on this thread's connections only.
    """

    def __init__(self) -> None:
        self._context = copy_context()
        self._tenants = {
            connection.alias: getattr(connection, "tenant", None)
            for connection in connections.all(initialized_only=True)
            if hasattr(connection, "set_tenant")
        }

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Returns the result of ``work``, and closes the connections of this thread.

        For a thread that serves no request: Django closes connections only after a request.
        """
        return self._context.copy().run(self._run, functools.partial(work, *args, **kwargs))

    def _run(self, work: Callable[[], T]) -> T:
        try:
            for alias, tenant in self._tenants.items():
                connection: Any = connections[alias]
                connection.set_tenant(tenant)
            return work()
        finally:
            connections.close_all()


def after_commit(work: Callable[[], object]) -> None:
    """Does ``work`` now, or once the caller's transaction has been committed."""
    if inside_transaction() and connections[database()].in_atomic_block:
        transaction.on_commit(work, using=database())
    else:
        work()
