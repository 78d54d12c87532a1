"""Reads numbers exactly: a price of 0.1 is not the float 0.1000000000000000055."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

__all__ = ["exact_json"]


def exact_json(text: str | bytes) -> Any:
    """The JSON in ``text``, with a Decimal for each number that may have a fraction.

    These are the numbers with a decimal point, and the ``Value`` of each amount and quantity, which
    the instance sends as a number or as text. Raises ValueError if ``text`` is not JSON.
    """
    try:
        return json.loads(text, parse_float=Decimal, object_hook=_exact)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _exact(fields: dict[str, Any]) -> dict[str, Any]:
    if fields.keys() in ({"Value", "Currency"}, {"Value", "Unit"}):
        try:
            return {**fields, "Value": Decimal(fields["Value"])}
        except (InvalidOperation, TypeError, ValueError):
            pass
    return fields
