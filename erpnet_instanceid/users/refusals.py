"""Reads what a database or a model says when it refuses to save a user."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import DataError, IntegrityError, OperationalError

# What MySQL and MariaDB answer to a value that a column cannot hold, or to none. A driver may raise
# it as OperationalError, which otherwise stands for a lost connection.
MYSQL_VALUE_ERRORS = frozenset({1264, 1364, 1366, 1406, 3988})
UNIQUE = frozenset({"unique", "unique_together"})

_COLUMN = re.compile(r"(?i)column\s+[`'\"]?(?:[^\s`'\"]+[`'\"]?\.[`'\"]?)*(\w+)")
_LENGTH = re.compile(r"character(?: varying)?\((\d+)\)")
# A column without a value, or a condition of the table's.
_NOT_TAKEN = re.compile(
    r"NOT NULL|null value|cannot be null|have a default value|(?i:check constraint)|` failed for"
)
# SQLite, PostgreSQL, MySQL; then the column that has no value.
_CONSTRAINTS = tuple(
    re.compile(pattern)
    for pattern in (
        r"constraint failed: (?:index )?(.+)",
        r"(?i)check constraint [`'\"]([^`'\"]+)",
        r"(?:constraint|CONSTRAINT) [`'\"]([^`'\"]+)",
        r"for key [`'\"]([^`'\"]+)",
        _COLUMN.pattern,
        r"Field [`'\"]([^`'\"]+)",
    )
)


def refused_fields(error: Exception, values: Mapping[str, Any]) -> set[str]:
    """The fields whose value is refused, out of ``values``. Empty for another kind of error.

    A value that another user has already is no such value. Where the error names no field, all
    fields are suspects.
    """
    if isinstance(error, ValidationError):
        return _invalid_fields(error) & values.keys()
    if not is_about_a_value(error):
        return set()
    named = {column.lower() for column in _COLUMN.findall(str(error))}
    return (named & values.keys()) or (set() if named else _suspects(error, values))


def is_about_a_value(error: Exception) -> bool:
    """Whether a column cannot hold a value: it is too long, or its characters are unknown there."""
    if isinstance(error, OperationalError):
        return bool(error.args) and error.args[0] in MYSQL_VALUE_ERRORS
    return isinstance(error, DataError)


def may_be_taken(error: Exception) -> bool:
    """Whether another user may have the same value already."""
    if isinstance(error, ValidationError):
        # An error of the whole model may be that of a unique constraint.
        return _invalid_fields(error) <= {NON_FIELD_ERRORS}
    return isinstance(error, IntegrityError) and not _NOT_TAKEN.search(str(error))


def says_taken(error: BaseException | None) -> bool:
    """Whether it is certain that another user has the same value: `may_be_taken` only suspects."""
    return not isinstance(error, ValidationError) or not _invalid_fields(error)


def constraint(error: Exception) -> str:
    """The name of the constraint, or of the columns, that an error is about."""
    told = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    if told:
        return str(told)
    if isinstance(error, ValidationError):
        return ", ".join(_named(error))
    found = (pattern.search(str(error)) for pattern in _CONSTRAINTS)
    return next((match[1].strip("'\"`") for match in found if match), "unknown")


def _named(error: ValidationError) -> list[str]:
    problems = _problems(error)
    # An error of the whole model tells the constraint's name in its text.
    of_the_model = [text for each in problems.get(NON_FIELD_ERRORS, ()) for text in each.messages]
    return [*(name for name in problems if name != NON_FIELD_ERRORS), *of_the_model]


def _suspects(error: Exception, values: Mapping[str, Any]) -> set[str]:
    length = _LENGTH.search(str(error))
    if length is None:
        return set(values)
    # PostgreSQL tells the length of the column, and not its name.
    return {name for name, value in values.items() if len(str(value)) > int(length[1])}


def _invalid_fields(error: ValidationError) -> set[str]:
    return {
        name
        for name, problems in _problems(error).items()
        if not any(problem.code in UNIQUE for problem in problems)
    }


def _problems(error: ValidationError) -> Mapping[str, Iterable[ValidationError]]:
    by_field: Mapping[str, list[ValidationError]] | None = getattr(error, "error_dict", None)
    return by_field if by_field is not None else {NON_FIELD_ERRORS: error.error_list}
