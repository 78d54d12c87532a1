"""The row of a sign-in, from its claim to its completion.

Both statements are SQL, since every sign-in makes them: Django would take several times as long to
build them as the database to run them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from django.db import connections

from ..conflicts import tried_again
from ..models import SignIn
from ..oidc.id_token import Claims
from .connections import database
from .notice_log import no_notice_of

TABLE = SignIn._meta.db_table
FIELDS: dict[str, Any] = {field.attname: field for field in SignIn._meta.concrete_fields}
DEFAULTS = {name: field.get_default() for name, field in FIELDS.items()}
INSERT = f"""INSERT INTO {TABLE} ({", ".join(field.column for field in FIELDS.values())})
VALUES ({", ".join("%s" for _ in FIELDS)})"""  # noqa: S608 - the names are constants


def claim(attempt: str, started: datetime) -> SignIn:
    """A new row for the attempt with this hash of its state.

    Raises IntegrityError where the attempt has a row.
    """
    values = {**DEFAULTS, "id": uuid.uuid4(), "attempt": attempt, "started": started}
    tried_again(partial(_execute, INSERT, _stored(values)))
    return SignIn.from_db(database(), list(values), list(values.values()))


def complete(sign_in: SignIn, claims: Claims, values: Mapping[str, Any]) -> bool:
    """Sets ``values`` on the row, and then on the object.

    Returns False, and changes nothing, where the sign-in has ended or a notice names it.
    """
    assignments = ", ".join(f"{FIELDS[name].column} = %s" for name in values)
    no_notice, notice = no_notice_of(claims, since=sign_in.started)
    sql = f"UPDATE {TABLE} SET {assignments} WHERE id = %s AND ended IS NULL AND {no_notice}"  # noqa: S608
    parameters = [*_stored(values), *_stored({"id": sign_in.pk}), *notice]
    if not tried_again(partial(_execute, sql, parameters)):
        return False
    for name, value in values.items():
        setattr(sign_in, name, value)
    return True


def _stored(values: Mapping[str, Any]) -> list[Any]:
    """The values as the database stores them."""
    connection = connections[database()]
    return [FIELDS[name].get_db_prep_save(value, connection) for name, value in values.items()]


def _execute(sql: str, parameters: list[Any]) -> int:
    """Executes one statement. Returns how many rows it has changed."""
    with connections[database()].cursor() as cursor:
        cursor.execute(sql, parameters)
        count: int = cursor.rowcount
    return count
