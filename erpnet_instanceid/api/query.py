"""Writes values into OData filters, so that no value can change what a filter means.

The instance knows a part of OData's ``$filter``: ErpNetDocs, domain-api/querying-data.
"""

from __future__ import annotations

import datetime
import enum
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

__all__ = ["Reference", "literal", "where"]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# The instance's numbers have no more. Decimal("1E+999999") would become a megabyte of zeros.
MOST_DIGITS = 40
COMPARISONS = ("eq", "ge", "le")
TEXT_FUNCTIONS = ("contains", "startswith", "endswith")
NULL_FUNCTIONS = ("equalnull", "lessequalnull", "greaterequalnull")
LOOKUPS = (*COMPARISONS, "in", *TEXT_FUNCTIONS, *NULL_FUNCTIONS)
# Why a lookup that Django or OData knows is refused here.
REASONS: Mapping[str, str] = {
    "gt": "the instance compares with ge and le only",
    "lt": "the instance compares with ge and le only",
    "ne": "the instance cannot exclude a value",
    "or": "the instance has no or; use in for several values of one property",
    "isnull": "compare with None",
    "range": "use ge and le",
}


@dataclass(frozen=True)
class Reference:
    """An object of the instance: its entity set and its id. As text it is the object's address.

    ``Reference("Crm_Sales_Customers", key)`` takes ``key`` as a UUID or as text. Raises ValueError
    for any other text.
    """

    entity_set: str
    id: uuid.UUID | str

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.entity_set):
            raise ValueError(f"{self.entity_set!r} is not the name of an entity set.")
        object.__setattr__(self, "entity_set", str.__str__(self.entity_set))
        object.__setattr__(self, "id", uuid.UUID(str(self.id)))

    def __str__(self) -> str:
        return f"{self.entity_set}({self.id})"


def where(**conditions: object) -> str:
    """A ``$filter`` that all ``conditions`` must meet: ``where(Active=True, Id__in=[…])``.

    A condition is a property, a property of a reference (``Party__PartyName``), or either with a
    lookup behind it: eq, ge, le, in, contains, startswith, endswith, equalnull, lessequalnull,
    greaterequalnull. Pass the filter to a call in ``params``. Raises ValueError, with the reason,
    for what the instance does not know.
    """
    if not conditions:
        raise ValueError("A filter needs a condition.")
    return " and ".join(_condition(name, value) for name, value in conditions.items())


def literal(value: object) -> str:
    """``value`` as it stands in a ``$filter``.

    Text, bool, int, Decimal, date, UUID, None, a `Reference`, an Enum of these, or a list of these.
    Raises ValueError for anything else.
    """
    if isinstance(value, list | tuple | set | frozenset):
        return _list(list(value))
    return _scalar(_plain(value))


def _condition(name: str, value: object) -> str:
    path, lookup = _split(name)
    value = _plain(value)
    if lookup == "in":
        if not isinstance(value, list | tuple | set | frozenset):
            raise ValueError(f"{name}: in needs a list.")
        return f"{path} in {literal(value)}"
    if isinstance(value, list | tuple | set | frozenset):
        raise ValueError(f"{name}: only in takes a list.")
    if lookup in TEXT_FUNCTIONS:
        if not isinstance(value, str):
            raise ValueError(f"{name}: {lookup} needs text.")
        return f"{lookup}({path},{literal(value)})"
    if lookup in NULL_FUNCTIONS:
        return f"{lookup}({path},{literal(value)})"
    if lookup != "eq" and (value is None or isinstance(value, bool | uuid.UUID | Reference)):
        raise ValueError(f"{name}: {value!r} is neither more nor less than another value.")
    return f"{path} {lookup} {literal(value)}"


def _split(name: str) -> tuple[str, str]:
    """The path of a property and the lookup. The instance's properties begin with a capital."""
    parts = name.split("__")
    lookup = parts.pop() if parts[-1][:1].islower() else "eq"
    if lookup not in LOOKUPS:
        reason = REASONS.get(lookup, f"the instance knows {', '.join(LOOKUPS)}")
        raise ValueError(f"{name}: no lookup {lookup}: {reason}.")
    if not parts or not all(part[:1].isupper() and NAME.fullmatch(part) for part in parts):
        raise ValueError(f"{name}: the name of a property begins with a capital letter.")
    return "/".join(parts), lookup


def _list(values: list[object]) -> str:
    if not values:
        raise ValueError("Nothing is in an empty list: do not ask the instance.")
    plain = [_plain(value) for value in values]
    if any(value is None or isinstance(value, bool) for value in plain):
        raise ValueError("A list holds no None, True or False.")
    return f"({', '.join(map(_scalar, plain))})"


def _plain(value: object) -> object:
    return value.value if isinstance(value, enum.Enum) else value


def _scalar(value: object) -> str:
    for kind, write in WRITERS.items():
        if isinstance(value, kind):
            return write(value)
    raise ValueError(f"A filter cannot hold a {type(value).__name__}.")


def _text(value: str) -> str:
    # A subclass, such as an editor's or a template's, may replace and print as it likes.
    text = str.__str__(value)
    if "\0" in text or re.search("[\ud800-\udfff]", text):
        raise ValueError("The text has characters that cannot be sent.")
    return "'" + text.replace("'", "''") + "'"


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} is not a number.")
    if abs(value.adjusted()) > MOST_DIGITS:
        raise ValueError(f"{value} has too many digits.")
    return Decimal.__format__(value, "f")


def _refuse_time(_value: datetime.datetime) -> str:
    # "le 23:59" would silently mean "le 00:00", and leave out a day.
    raise ValueError("The instance cuts a time off in filters: compare with a date.")


def _refuse_float(value: float) -> str:
    raise ValueError(f"{value!r} is inexact: compare with a Decimal.")


# The first that fits: a bool is an int too, and a datetime is a date.
WRITERS: Mapping[type, Callable[..., str]] = {
    type(None): lambda _value: "null",
    bool: lambda value: "true" if value else "false",
    int: int.__repr__,
    Decimal: _decimal,
    float: _refuse_float,
    datetime.datetime: _refuse_time,
    datetime.date: lambda value: f"{datetime.date.isoformat(value)}T00:00:00Z",
    uuid.UUID: uuid.UUID.__str__,
    Reference: lambda value: f"'{Reference.__str__(value)}'",
    str: _text,
}
