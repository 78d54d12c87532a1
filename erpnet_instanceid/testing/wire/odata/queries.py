"""Query options of a list: $filter, $select, $orderby, $top, $skip, $count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from ...world.entities import EntitySet, Row, odata_id
from ...world.refusals import ApiRefusalError
from ...world.state import World
from .calls import ODATA_ROOT, ApiAnswer, ApiCall
from .filters import parse_filter

_KNOWN = {"$filter", "$select", "$orderby", "$top", "$skip", "$skiptoken", "$count"}


def read_list(world: World, entity: EntitySet, call: ApiCall) -> ApiAnswer:
    """One page of the rows. Without $top it is all of them, and there is no next link.

    ErpNetDocs, domain-api/querying-data/paging.
    """
    unknown = sorted(name for name in call.query if name.startswith("$") and name not in _KNOWN)
    if unknown:
        raise ApiRefusalError(f"The stand-in does not know {unknown[0]}.")
    rows = _ordered(_filtered(world, entity, call), entity, call.query.get("$orderby", ""))
    start, size = _start(rows, call.query), _page_size(world, rows, call.query)
    page = rows[start : start + size]
    answer: dict[str, Any] = {
        "@odata.context": f"{world.url}{ODATA_ROOT}$metadata#{entity.name}",
        "value": [present(entity, row, call.query) for row in page],
    }
    if call.query.get("$count") == "true":
        answer["@odata.count"] = len(rows)
    if "$top" in call.query and page and start + size < len(rows):
        answer["@odata.nextLink"] = _next_link(entity, call.query, start + size, rows)
    return ApiAnswer(value=answer)


def present(entity: EntitySet, row: Row, query: Mapping[str, str]) -> Row:
    """The row as an answer shows it, with the fields that $select names."""
    named = {"@odata.id": odata_id(entity.name, row["Id"])}
    shown = {**named, **{name: row.get(name) for name in _selected(entity, query)}}
    if "skipnulls" in query.get("options", "").split(","):
        return {name: value for name, value in shown.items() if value is not None}
    return shown


def _selected(entity: EntitySet, query: Mapping[str, str]) -> list[str]:
    names = [name.strip() for name in query.get("$select", "*").split(",")]
    if "*" in names or "default" in names:
        return list(entity.fields)
    for name in names:
        _check_field(entity, name)
    return names


def _check_field(entity: EntitySet, name: str) -> None:
    if name not in entity.fields:
        raise ApiRefusalError(f"{entity.name} has no field '{name}'.")


def _filtered(world: World, entity: EntitySet, call: ApiCall) -> list[Row]:
    rows = world.data.rows(entity, call.transaction)
    if "$filter" not in call.query:
        return rows
    fits = parse_filter(call.query["$filter"], entity, world.data.row_with_odata_id)
    return [row for row in rows if fits(row)]


def _ordered(rows: list[Row], entity: EntitySet, orders: str) -> list[Row]:
    for order in reversed([order.split() for order in orders.split(",") if order.strip()]):
        name, direction = order[0], order[1:]
        _check_field(entity, name)
        if direction not in ([], ["asc"], ["desc"]):
            raise ApiRefusalError(f"Syntax error in $orderby at '{' '.join(order)}'.")
        rows = sorted(rows, key=lambda row: _sort_key(row.get(name)), reverse=direction == ["desc"])
    return rows


def _sort_key(value: Any) -> tuple[bool, Any]:
    if isinstance(value, dict):
        value = str(value)
    return value is not None, value if value is not None else 0


def _start(rows: list[Row], query: Mapping[str, str]) -> int:
    token = query.get("$skiptoken")
    if token is None:
        return _number(query, "$skip", 0)
    return next((place for place, row in enumerate(rows) if row["Id"] == token), len(rows))


def _page_size(world: World, rows: list[Row], query: Mapping[str, str]) -> int:
    if "$top" not in query:
        return len(rows)
    asked = _number(query, "$top", 0)
    return asked if world.page_size is None else min(asked, world.page_size)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise ApiRefusalError(f"{name} is not a number.")
    return int(text)


def _next_link(entity: EntitySet, query: Mapping[str, str], start: int, rows: list[Row]) -> str:
    """The link names the first row of the next page, or in an ordered list its place."""
    by_place = "$orderby" in query or "$skip" in query
    following = {"$skip": start} if by_place else {"$skiptoken": rows[start]["Id"]}
    options: dict[str, object] = {**query, **following}
    return f"{entity.name}?{urlencode(options, safe='$')}"
