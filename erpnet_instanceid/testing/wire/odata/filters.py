"""The instance's dialect of `$filter`. ErpNetDocs, domain-api/querying-data/query-options/filter.

It knows eq, ge, le, and, in and some functions. All else is refused as by the instance: there is
no or, gt, lt, ne and no null.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...world.entities import EntitySet, Field, Kind, Row
from ...world.refusals import ApiRefusalError

Condition = Callable[[Row], bool]
#: The row that a reference points to, by its `@odata.id`.
FindRow = Callable[[str], Row | None]

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<text>'(?:[^']|'')*')
    |(?P<id>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![\w'.:-]))
    |(?P<date>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:\d\d)?(?![\w'.:-]))
    |(?P<number>-?\d+(?:\.\d+)?(?![\w'.:-]))
    |(?P<name>[A-Za-z_]\w*(?![\w'.:/-]))
    |(?P<sign>[(),])""",
    re.VERBOSE | re.ASCII,
)
_REFERENCE = re.compile(
    r"[A-Za-z_]\w*\([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\)", re.ASCII
)
#: The literal that a field of each kind is compared with.
_LITERALS = {
    Kind.ID: "id",
    Kind.TEXT: "text",
    Kind.CHOICE: "text",
    Kind.REFERENCE: "text",
    Kind.NUMBER: "number",
    Kind.DATE: "date",
    Kind.FLAG: "flag",
}
_OPERATORS = {
    Kind.ID: {"eq", "in"},
    Kind.TEXT: {"eq", "in"},
    Kind.CHOICE: {"eq", "in"},
    Kind.REFERENCE: {"eq", "in"},
    Kind.NUMBER: {"eq", "ge", "le", "in"},
    Kind.DATE: {"eq", "ge", "le"},
    Kind.FLAG: {"eq"},
}
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, literal: value == literal,
    "ge": lambda value, literal: value is not None and value >= literal,
    "le": lambda value, literal: value is not None and value <= literal,
}
_SEARCH: Mapping[str, Callable[[str, str], bool]] = {
    "contains": lambda value, part: part in value,
    "startswith": lambda value, part: value.startswith(part),
    "endswith": lambda value, part: value.endswith(part),
}
_OR_NULL = {"equalnull": "eq", "lessequalnull": "le", "greaterequalnull": "ge"}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def parse_filter(text: str, entity: EntitySet, find_row: FindRow) -> Condition:
    """Whether a row fits the filter. Raises a refusal for what the dialect does not know."""
    parser = _Parser(list(_tokens(text)), entity, find_row)
    condition = parser.all_of()
    parser.expect_end()
    return condition


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _refused(f"Syntax error at position {position} in '{text}'.")
        position = match.end()
        if match.lastgroup != "space":
            yield _Token(match.lastgroup, match.group())


def _refused(reason: str) -> ApiRefusalError:
    return ApiRefusalError(reason, kind="Microsoft.OData.ODataException")


class _Parser:
    def __init__(self, tokens: list[_Token], entity: EntitySet, find_row: FindRow) -> None:
        self._tokens = tokens
        self._entity = entity
        self._find_row = find_row

    def all_of(self) -> Condition:
        conditions = [self._condition()]
        while self._next_is("and"):
            self._take()
            conditions.append(self._condition())
        return lambda row: all(condition(row) for condition in conditions)

    def expect_end(self) -> None:
        if self._tokens:
            raise _refused(f"The operator '{self._tokens[0].text}' is not supported in $filter.")

    def _condition(self) -> Condition:
        if self._next_is("("):
            self._take()
            condition = self.all_of()
            self._take_sign(")")
            return condition
        name = self._take()
        if name.kind != "name":
            raise _refused(f"A field was expected in $filter, not {name.text}.")
        return self._function(name.text) if self._next_is("(") else self._comparison(name.text)

    def _comparison(self, name: str) -> Condition:
        field, read = _field(self._entity, name)
        operator = self._take().text
        if operator not in _OPERATORS.get(field.kind, ()):
            raise _refused(f"The operator '{operator}' is not supported for {name} in $filter.")
        if operator == "in":
            members = self._members(field)
            return lambda row: read(row) in members
        literal = self._literal(field)
        compare = _COMPARE[operator]
        return lambda row: compare(read(row), literal)

    def _members(self, field: Field) -> list[Any]:
        """The list after `in`. The documentation also shows one id without brackets."""
        if not self._next_is("("):
            return [self._literal(field)]
        self._take()
        members = [self._literal(field)]
        while self._next_is(","):
            self._take()
            members.append(self._literal(field))
        self._take_sign(")")
        return members

    def _function(self, name: str) -> Condition:
        self._take_sign("(")
        field_name = self._take().text
        field, read = _field(self._entity, field_name)
        self._take_sign(",")
        condition = self._call(name, field, read)
        self._take_sign(")")
        return condition

    def _call(self, name: str, field: Field, read: Callable[[Row], Any]) -> Condition:
        if name in _OR_NULL and _OR_NULL[name] in _OPERATORS.get(field.kind, ()):
            literal = self._literal(field)
            compare = _COMPARE[_OR_NULL[name]]
            return lambda row: read(row) is None or compare(read(row), literal)
        if name in _SEARCH and _can_search(name, field):
            part = self._literal(Field(Kind.TEXT)).casefold()
            search, find_row = _SEARCH[name], self._find_row
            return lambda row: any(search(text, part) for text in _texts(read(row), find_row))
        raise _refused(f"The function '{name}' is not supported for this field in $filter.")

    def _literal(self, field: Field) -> Any:
        token = self._take()
        kind = "flag" if token.text in ("true", "false") else token.kind
        if kind != _LITERALS.get(field.kind):
            raise _refused(f"{token.text} cannot be compared with a field of this type.")
        return _value(token, field)

    def _next_is(self, text: str) -> bool:
        return bool(self._tokens) and self._tokens[0].text == text

    def _take(self) -> _Token:
        if not self._tokens:
            raise _refused("The $filter ends too early.")
        return self._tokens.pop(0)

    def _take_sign(self, sign: str) -> None:
        token = self._take()
        if token != _Token("sign", sign):
            raise _refused(f"'{sign}' was expected in $filter, not {token.text}.")


def _can_search(function: str, field: Field) -> bool:
    if field.kind in (Kind.LANGUAGES, Kind.REFERENCE):
        return function == "contains"
    return field.kind is Kind.TEXT


def _field(entity: EntitySet, name: str) -> tuple[Field, Callable[[Row], Any]]:
    """The field of this name, and a function that reads what a filter compares."""
    field = entity.fields.get(name)
    if field is not None:
        return field, lambda row: _comparable(row.get(name), field.kind)
    amount = name.removesuffix("Value")
    if amount != name and amount in entity.fields and entity.fields[amount].kind is Kind.AMOUNT:
        return Field(Kind.NUMBER), lambda row: (row.get(amount) or {}).get("Value")
    raise _refused(f"{entity.name} has no field '{name}' that $filter can use.")


def _comparable(value: Any, kind: Kind) -> Any:
    if kind is Kind.REFERENCE and value is not None:
        return value["@odata.id"].lower()
    return value


def _texts(value: Any, find_row: FindRow) -> list[str]:
    """The text, the texts in all languages, or those of the row that a reference points to."""
    if isinstance(value, str):
        value = find_row(value) or {"": value}
    texts = [text for text in (value or {}).values() if isinstance(text, str)]
    return [text.casefold() for text in texts]


def _value(token: _Token, field: Field) -> Any:
    if token.kind == "date":
        return _midnight(token.text)
    if token.kind == "number":
        return float(token.text)
    if token.kind == "id":
        return token.text.lower()
    if token.kind == "name":
        return token.text == "true"
    text = token.text[1:-1].replace("''", "'")
    if field.kind is not Kind.REFERENCE:
        return text
    if not _REFERENCE.fullmatch(text):
        raise _refused(f"'{text}' is not a reference such as 'Crm_Sales_Customers(…)'.")
    return text.lower()


def _midnight(text: str) -> str:
    """The instance cuts a date-time to its date."""
    try:
        day = datetime.date.fromisoformat(text[:10])
    except ValueError:
        raise _refused(f"{text} is not a date.") from None
    return f"{day}T00:00:00Z"
