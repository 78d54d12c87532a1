"""Whether a value has the form that several checks ask for."""

from __future__ import annotations

import math


def are_names(value: object) -> bool:
    """Whether ``value`` is a list or tuple of strings."""
    return isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)


def is_padded(text: object) -> bool:
    """Whether ``text`` is a string with white space around something."""
    return isinstance(text, str) and text.strip() not in ("", text)


def is_number(value: object, *, at_least: float) -> bool:
    """Whether ``value`` is a finite number, and no boolean."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return at_least <= value < math.inf
