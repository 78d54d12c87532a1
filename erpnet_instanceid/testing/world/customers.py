"""Customers of the demo company: the same ones in every run."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from .people import person_id

_FIRST = (
    "Aurora", "Balkan", "Cedar", "Danube", "Ember", "Forest", "Granite", "Harbour", "Iris",
    "Juniper", "Krater", "Lumen", "Meridian", "Northwind", "Orbit", "Pirin", "Quarry", "Rila",
    "Summit", "Thracia", "Umbra", "Vitosha", "Willow", "Yantra", "Zephyr",
)  # fmt: skip
_SECOND = (
    "Foods", "Furniture", "Instruments", "Logistics", "Metals", "Optics", "Pharma", "Plastics",
    "Print", "Retail", "Software", "Textiles", "Tools", "Trade", "Wines",
)  # fmt: skip
_FORMS = ("Ltd", "GmbH", "OOD", "AD", "SARL", "Inc")
_CITIES = (
    "Sofia", "Plovdiv", "Varna", "Vienna", "Munich", "Lyon", "Turin", "Graz", "Athens", "Zagreb",
)  # fmt: skip


def make_customers() -> list[dict[str, Any]]:
    """Five hundred customers, ordered by number. The caller may change them."""
    return [dict(customer) for customer in _customers()]


@cache
def _customers(count: int = 500) -> list[dict[str, Any]]:
    chance = random.Random(20)  # noqa: S311
    names = [f"{first} {second}" for first in _FIRST for second in _SECOND]
    chance.shuffle(names)
    return [_customer(number, names, chance) for number in range(1, count + 1)]


def _customer(number: int, names: list[str], chance: random.Random) -> dict[str, Any]:
    name = f"{names[number % len(names)]} {chance.choice(_FORMS)}"
    return {
        "Id": person_id(f"customer {number}"),
        "Number": f"C{number:05d}",
        "Name": name,
        "DisplayText": f"C{number:05d} {name}",
        "City": chance.choice(_CITIES),
        "Email": f"office@customer{number}.example",
        "CreditLimit": chance.randrange(0, 50_001, 500),
        "Active": chance.random() > 0.1,
        "CreationTime": f"20{chance.randint(18, 25)}-{chance.randint(1, 12):02d}"
        f"-{chance.randint(1, 28):02d}T{chance.randint(8, 17):02d}:00:00Z",
    }
