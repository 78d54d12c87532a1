"""Creates, changes and deletes rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ...world.entities import EntitySet, Field, Kind, Row, new_id, odata_id, reference
from ...world.refusals import ApiRefusalError
from ...world.state import World
from ...world.transactions import Transaction

_ODATA_ID = re.compile(r"(?:.*/)?(\w+)\(([0-9a-fA-F-]{36})\)", re.ASCII)


def create(world: World, entity: EntitySet, body: Row, transaction: Transaction) -> Row:
    """The new row."""
    empty: Row = dict.fromkeys(entity.fields)
    row = {**empty, **_values(world, entity, body, is_new=True), "Id": new_id()}
    world.data.insert(entity, row, transaction)
    return row


def update(world: World, entity: EntitySet, key: str, body: Row, transaction: Transaction) -> None:
    values = _values(world, entity, body, is_new=False)
    world.data.update(entity, key, values, transaction)


def _values(world: World, entity: EntitySet, body: Row, *, is_new: bool) -> Row:
    """The body as values of the row. Raises a refusal for a field that cannot be written."""
    values: Row = {}
    for written, value in body.items():
        name = written.removesuffix("@odata.bind")
        if name.startswith("@"):
            continue
        field = entity.fields.get(name)
        if field is None:
            raise ApiRefusalError(f"{entity.name} has no field '{name}'.")
        if field.is_read_only and not (is_new and name == entity.code):
            raise ApiRefusalError(f"The field '{name}' of {entity.name} is read-only.")
        values[name] = None if value is None else _value(world, name, field, value)
    return values


def _value(world: World, name: str, field: Field, value: Any) -> Any:
    if field.kind is Kind.REFERENCE:
        return resolve(world, field.target, value)
    if not _FITS[field.kind](value):
        raise ApiRefusalError(f"The value of '{name}' is not of the type {field.kind.value}.")
    if field.kind is Kind.DATE and len(value) == len("2026-01-01"):
        return f"{value}T00:00:00Z"
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_FITS: Mapping[Kind, Callable[[Any], bool]] = {
    Kind.ID: lambda value: isinstance(value, str),
    Kind.TEXT: lambda value: isinstance(value, str),
    Kind.CHOICE: lambda value: isinstance(value, str),
    Kind.DATE: lambda value: isinstance(value, str) and value[:4].isdigit(),
    Kind.FLAG: lambda value: isinstance(value, bool),
    Kind.NUMBER: _is_number,
    Kind.LANGUAGES: lambda value: isinstance(value, dict),
    Kind.AMOUNT: lambda value: isinstance(value, dict) and _is_number(value.get("Value")),
}


def resolve(world: World, target: str, value: Any) -> Row:
    """The reference in a body: an id as `@odata.id`, as `@odata.bind`, or fields to find it by."""
    given = value.get("@odata.id") if isinstance(value, dict) else value
    if isinstance(given, str):
        match = _ODATA_ID.fullmatch(given)
        if match is None or world.data.row_with_odata_id(odata_id(*match.groups())) is None:
            raise ApiRefusalError(f"Object not found: {given}.")
        return reference(*match.groups())
    wanted = find_by(value if isinstance(value, dict) else {})
    row = find(world, world.data.set_named(target), wanted)
    if row is None:
        raise ApiRefusalError(f"Object not found: {target}, action: find, findBy: {wanted}.")
    return reference(target, row["Id"])


def find_by(body: Row) -> Row:
    """The values to find a row by: `@erpnet.findBy`, else all fields of the body."""
    given = body.get("@erpnet.findBy")
    if isinstance(given, dict):
        return given
    return {name: value for name, value in body.items() if not name.startswith("@")}


def find(world: World, entity: EntitySet, wanted: Row) -> Row | None:
    """The first row whose Id or code, else whose other fields, are as wanted."""
    names = [name for name in ("Id", entity.code) if name in wanted] or list(wanted)
    if not names:
        return None
    rows = world.data.rows(entity, None)
    return next((r for r in rows if all(r.get(n) == wanted[n] for n in names)), None)
