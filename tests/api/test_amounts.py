"""Numbers are read exactly."""

from decimal import Decimal

import pytest

from erpnet_instanceid.api.amounts import exact_json


@pytest.mark.parametrize("value", ["3.55", '"3.55"'])
@pytest.mark.parametrize("unit", ["Currency", "Unit"])
def test_amount_is_a_decimal_however_it_is_sent(value, unit):
    read = exact_json(f'{{"LineAmount": {{"Value": {value}, "{unit}": "X"}}}}')
    assert read == {"LineAmount": {"Value": Decimal("3.55"), unit: "X"}}


def test_other_numbers_are_exact_too():
    read = exact_json('[{"Value": 2, "Currency": "EUR"}, 0.1, 7, "0.1"]')
    assert isinstance(read[0]["Value"], Decimal)
    assert read[1:] == [Decimal("0.1"), 7, "0.1"]


@pytest.mark.parametrize("value", ["null", '"many"', "[]", "{}"])
def test_amount_without_a_number_is_left_as_it_is(value):
    assert exact_json(f'{{"Value": {value}, "Unit": "kg"}}')["Unit"] == "kg"
