"""A database that refuses: the error that callers get in place of the database's own."""

from __future__ import annotations

import re

from django.db import Error as DatabaseFailure

from .conflicts import has_code
from .oidc.errors import InstanceUnavailable

# PostgreSQL's codes: undefined_table, undefined_column.
SQL_STATES = frozenset({"42P01", "42703"})
# The codes of MySQL and MariaDB: no such table, unknown column.
MYSQL_ERRORS = frozenset({1146, 1054})
# SQLite has no codes for it.
_SQLITE = re.compile(r"no such (table|column)|has no column named")


def as_unavailable(failure: DatabaseFailure, **facts: object) -> InstanceUnavailable:
    """``failure`` as an error of this app, whose code tells whether the database lacks a table."""
    code = "tables_missing" if _lacks_table(failure) else "database_busy"
    return InstanceUnavailable(code, cause=type(failure).__name__, **facts)


def _lacks_table(failure: DatabaseFailure) -> bool:
    if has_code(failure, SQL_STATES, MYSQL_ERRORS):
        return True
    return _SQLITE.search(str(failure)) is not None
