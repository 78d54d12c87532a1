"""The reading of errors that a database or a model raises."""

import pytest
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, OperationalError

from erpnet_instanceid.users.refusals import constraint, may_be_taken, refused_fields

VALUES = {"first_name": "Мария", "last_name": "Иванова-Петрова", "email": "m@company.example"}
FLOWER = r"Incorrect string value: '\xF0\x9F\x8C\xB8' for column `site`.`auth_user`.`{}` at row 1"
UNIQUE = ValidationError({"email": ValidationError("taken", code="unique")})
OF_THE_MODEL = ValidationError("Constraint \u201cone_login\u201d is violated.")
INVALID = ValidationError({"first_name": ValidationError("no", code="invalid")})


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (DataError("value too long for type character varying(14)\n"), {"last_name", "email"}),
        (DataError(1366, FLOWER.format("first_name")), {"first_name"}),
        (OperationalError(1366, FLOWER.format("last_name")), {"last_name"}),
        (OperationalError(1366, FLOWER.format("username")), set()),
        (DataError(1406, "Data too long for column 'email' at row 1"), {"email"}),
        (DataError("unsupported Unicode escape sequence"), set(VALUES)),
        (OperationalError(2006, "Server has gone away"), set()),
        (IntegrityError("UNIQUE constraint failed: auth_user.email"), set()),
        (INVALID, {"first_name"}),
        (UNIQUE, set()),
        (ValidationError("this user is wrong"), set()),
    ],
    ids=lambda value: ", ".join(sorted(value)) if isinstance(value, set) else str(value),
)
def test_finds_the_fields_that_are_refused(error, fields):
    assert refused_fields(error, VALUES) == fields


@pytest.mark.parametrize(
    ("error", "name", "is_taken"),
    [
        (IntegrityError("UNIQUE constraint failed: auth_user.email"), "auth_user.email", True),
        (IntegrityError("UNIQUE constraint failed: index 'one_email'"), "one_email", True),
        (IntegrityError('violates unique constraint "one_email"\n'), "one_email", True),
        (IntegrityError(1062, "Duplicate entry 'maria' for key 'one_name'"), "one_name", True),
        (IntegrityError("NOT NULL constraint failed: people.born"), "people.born", False),
        (IntegrityError('null value in column "born" of relation "people"'), "born", False),
        (IntegrityError(1048, "Column 'born' cannot be null"), "born", False),
        (OperationalError(1364, "Field 'born' doesn't have a default value"), "born", False),
        (IntegrityError("CHECK constraint failed: ascii"), "ascii", False),
        (IntegrityError('violates check constraint "ascii"'), "ascii", False),
        (IntegrityError(4025, "CONSTRAINT `ascii` failed for `s`.`u`"), "ascii", False),
        (IntegrityError(3819, "Check constraint 'ascii' is violated."), "ascii", False),
        (OF_THE_MODEL, "Constraint \u201cone_login\u201d is violated.", True),
        (UNIQUE, "email", True),
        (INVALID, "first_name", False),
    ],
    ids=str,
)
def test_names_the_constraint_in_the_way(error, name, is_taken):
    assert constraint(error) == name
    assert may_be_taken(error) is is_taken
