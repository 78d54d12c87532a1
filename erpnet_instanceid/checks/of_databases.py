"""Checks the databases that the app's tables and the users are in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage
from django.db import router

from ..models import Account
from .messages import error, warning


def check_databases() -> Iterator[CheckMessage]:
    yield from _sqlite()
    yield from _relation()


def _sqlite() -> Iterator[CheckMessage]:
    databases: dict[str, dict[str, Any]] = settings.DATABASES
    for alias, database in databases.items():
        mode = (database.get("OPTIONS") or {}).get("transaction_mode")
        is_sqlite = database.get("ENGINE", "").endswith("sqlite3")
        if is_sqlite and mode not in ("IMMEDIATE", "EXCLUSIVE"):
            yield warning(
                3,
                f"Database {alias!r} is SQLite without transaction_mode IMMEDIATE.",
                f'Add "OPTIONS": {{"transaction_mode": "IMMEDIATE"}} to DATABASES["{alias}"]. '
                "Without it, two visitors who sign in for the first time at the same moment get "
                '"database is locked".',
            )


def _relation() -> Iterator[CheckMessage]:
    user_model = get_user_model()
    own, users = router.db_for_write(Account), router.db_for_write(user_model)
    account, user = Account(), user_model()
    account._state.db, user._state.db = own, users
    if not _is_same(own, users) or not router.allow_relation(account, user):
        yield error(
            33,
            f"This app's tables are in database {own!r} and the users in {users!r}. They refer "
            "to each other.",
            "Let your router send erpnet_instanceid to the database of the users, and allow "
            "relations between them.",
        )


def _is_same(one: str, other: str) -> bool:
    # Two aliases may lead to one database, over a pool and past it.
    names = {str(settings.DATABASES.get(alias, {}).get("NAME", alias)) for alias in (one, other)}
    return len(names) == 1
