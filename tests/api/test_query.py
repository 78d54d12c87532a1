"""No value changes what a filter means."""

import datetime
import enum
import re
import uuid
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from erpnet_instanceid.api.query import LOOKUPS, Reference, literal, where
from erpnet_instanceid.testing.wire.odata.filters import parse_filter
from erpnet_instanceid.testing.world.entities import EntitySet, Field, Kind

KEY = uuid.UUID("0e8fb111-5b04-4eab-a890-47cfb9cfa4c4")
OTHER = uuid.UUID("14389ba0-ee5c-459e-afd0-d74c17240f28")


class State(enum.Enum):
    RELEASED = "Released"
    UNKNOWN = None


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"Active": True}, "Active eq true"),
        ({"LineNo": 10, "Void": False}, "LineNo eq 10 and Void eq false"),
        ({"PartNumber": "O'Neill"}, "PartNumber eq 'O''Neill'"),
        ({"State": State.RELEASED}, "State eq 'Released'"),
        ({"Store": None}, "Store eq null"),
        ({"Id": KEY}, f"Id eq {KEY}"),
        ({"Id__in": [KEY, OTHER]}, f"Id in ({KEY}, {OTHER})"),
        ({"State__in": ("New", State.RELEASED)}, "State in ('New', 'Released')"),
        (
            {"ProductGroup": Reference("General_Products_ProductGroups", str(KEY))},
            f"ProductGroup eq 'General_Products_ProductGroups({KEY})'",
        ),
        ({"DocumentDate__ge": datetime.date(2020, 1, 1)}, "DocumentDate ge 2020-01-01T00:00:00Z"),
        ({"QuantityValue__ge": Decimal("5.555")}, "QuantityValue ge 5.555"),
        ({"LineAmountValue__le": Decimal("1E+3")}, "LineAmountValue le 1000"),
        ({"Party__PartyName__contains": "com"}, "contains(Party/PartyName,'com')"),
        ({"Name__startswith": "a"}, "startswith(Name,'a')"),
        ({"CustomProperty_color": "blue"}, "CustomProperty_color eq 'blue'"),
        ({"Store__equalnull": Reference("Stores", KEY)}, f"equalnull(Store,'Stores({KEY})')"),
    ],
)
def test_filter_is_written_as_documented(conditions, expected):
    assert where(**conditions) == expected


class Liar(str):
    def replace(self, *_args):
        return "' or 1 eq 1 or '"

    __str__ = __format__ = replace


class NumberLiar(int):
    def __repr__(self):
        return "1 or 1 eq 1"

    __str__ = __repr__


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Liar("O'Neill"), "'O''Neill'"),
        (NumberLiar(5), "5"),
        ([Liar("a"), NumberLiar(5)], "('a', 5)"),
        (Reference(Liar("Stores"), KEY), f"'Stores({KEY})'"),
    ],
)
def test_subclass_does_not_write_itself(value, expected):
    assert literal(value) == expected


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ({}, "needs a condition"),
        ({"Price__gt": 1}, "ge and le only"),
        ({"Price__ne": 1}, "cannot exclude"),
        ({"Name__icontains": "a"}, "no lookup icontains"),
        ({"name": "a"}, "no lookup name"),
        ({"__eq": "a"}, "capital letter"),
        ({"Name eq 'a' or Name": "a"}, "capital letter"),
        ({"Party__Party/Name": "a"}, "capital letter"),
        ({"Name__contains": 5}, "needs text"),
        ({"Id__in": "text"}, "needs a list"),
        ({"Id__in": []}, "empty list"),
        ({"Id__in": [None]}, "no None"),
        ({"State__in": [State.UNKNOWN]}, "no None"),
        ({"State__ge": State.UNKNOWN}, "neither more nor less"),
        ({"Id__in": [[KEY]]}, "cannot hold a list"),
        ({"Id": [KEY]}, "only in takes a list"),
        ({"Id__ge": KEY}, "neither more nor less"),
        ({"Active__ge": True}, "neither more nor less"),
        ({"Price": 0.1}, "inexact"),
        ({"Price": Decimal("NaN")}, "not a number"),
        ({"Price": Decimal("Infinity")}, "not a number"),
        ({"Price": Decimal("1E+999999")}, "too many digits"),
        ({"Price": Decimal("1E-999999")}, "too many digits"),
        ({"Time__le": datetime.datetime(2020, 1, 5, 23, 59)}, "cuts a time off"),
        ({"Name": b"bytes"}, "cannot hold a bytes"),
        ({"Name": "a\0b"}, "cannot be sent"),
        ({"Name": "\ud800"}, "cannot be sent"),
    ],
)
def test_unknown_condition_is_refused_with_a_reason(conditions, reason):
    with pytest.raises(ValueError, match=reason):
        where(**conditions)


@pytest.mark.parametrize(
    ("entity_set", "key", "reason"),
    [
        *((name, KEY, "entity set") for name in ("", "A)", "A(", "A'", "A B", "A/B", "Ä")),
        *(("A", key, "UUID") for key in ("", "1", f"{KEY})/$links", f"{KEY}' or 1 eq 1")),
    ],
)
def test_reference_has_an_entity_set_and_an_id(entity_set, key, reason):
    with pytest.raises(ValueError, match=reason):
        Reference(entity_set, key)


def test_reference_is_an_address():
    assert str(Reference("Crm_Customers", str(KEY).upper())) == f"Crm_Customers({KEY})"


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
HOSTILE = st.sampled_from(
    ["'", "''", "' or 1 eq 1 or '", "') or contains(Name,'", "\\'", "%27", "&$top=9", "a)", "\n'"]
)
ANY_TEXT = st.one_of(TEXTS, HOSTILE, st.builds("".join, st.lists(st.one_of(TEXTS, HOSTILE))))


CUSTOMERS = EntitySet("Customers", "Name", dict.fromkeys(("Name", "City"), Field(Kind.TEXT)), [])


def read(filter_text):
    """The filter as the stand-in reads it from the address: whether a row fits."""
    request = requests.Request("GET", "http://op.test/", params={"$filter": filter_text, "$top": 1})
    query = parse_qs(urlsplit(str(request.prepare().url)).query, strict_parsing=True)
    assert query.keys() == {"$filter", "$top"}
    (sent,) = query["$filter"]
    return parse_filter(sent, CUSTOMERS, lambda _id: None)


@given(ANY_TEXT, ANY_TEXT)
def test_text_with_any_characters_is_one_value(first, second):
    fits = read(where(Name=first, City__contains=second))
    assert fits({"Name": first, "City": f"({second})"})
    assert not fits({"Name": f"{first}'", "City": second})


@given(st.lists(ANY_TEXT, min_size=1))
def test_list_holds_the_values_that_were_given(values):
    fits = read(where(Name__in=values))
    assert all(fits({"Name": value}) for value in values)
    assert not fits({"Name": "".join([*values, "'"])})


@given(st.dates())
def test_date_is_one_value(date):
    assert datetime.datetime.fromisoformat(literal(date).replace("Z", "+00:00")).date() == date


@given(st.one_of(st.integers(), st.decimals(allow_nan=False, allow_infinity=False, places=4)))
def test_number_is_one_value(number):
    assert re.fullmatch(r"-?\d+(\.\d+)?", literal(number))
    assert Decimal(literal(number)) == number


@given(st.text(), st.sampled_from(LOOKUPS))
def test_name_of_a_condition_adds_no_words(name, lookup):
    try:
        found = where(**{f"{name}__{lookup}": ["x"] if lookup == "in" else "x"})
    except ValueError:
        return
    assert re.fullmatch(r"(\w+\()?[\w/]+( (eq|ge|le) | in \(|,)'x'\)?", found)
