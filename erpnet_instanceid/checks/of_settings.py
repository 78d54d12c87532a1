"""Checks the dict ERPNET_INSTANCEID: its keys, then the value of each."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register

from ..conf import DEFAULTS, REQUIRED, SETTING
from .messages import error, name
from .of_addresses import check_addresses
from .of_flow import check_flow
from .of_numbers import check_numbers
from .of_users import check_users

CURES = {
    "INSTANCE_URL": "Set it to the address of your instance, "
    "for example https://mycompany.my.erp.net.",
    "APPLICATION_URI": "Set it to the ApplicationUri of your Trusted Application.",
    "APPLICATION_SECRET": "Read it from the environment. "
    "'manage.py instanceid register' makes one.",
}


@register(Tags.security)
def check_settings(**_kwargs: Any) -> list[CheckMessage]:
    """What is wrong in ERPNET_INSTANCEID."""
    value = getattr(settings, SETTING, None)
    if not isinstance(value, dict):
        wrong = "is missing from your settings" if value is None else "is not a dict"
        cure = f"Set {SETTING} to a dict with {', '.join(REQUIRED)}."
        return [error(1, f"{SETTING} {wrong}.", cure)]
    return [
        *_unknown_keys(value),
        *_required(value),
        *_white_space(value),
        *check_addresses(value),
        *check_flow(),
        *check_users(value),
        *check_numbers(),
    ]


def _unknown_keys(value: dict[str, Any]) -> Iterator[CheckMessage]:
    for key in value:
        if key not in DEFAULTS:
            yield error(2, f"{name(str(key))} is not a setting of this app.", _nearest(str(key)))


def _nearest(key: str) -> str:
    near = difflib.get_close_matches(key.upper(), DEFAULTS, n=1, cutoff=0.5)
    return f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(DEFAULTS)}."


def _required(value: dict[str, Any]) -> Iterator[CheckMessage]:
    for key in REQUIRED:
        if not isinstance(value.get(key), str) or not value[key].strip():
            yield error(3, f"{name(key)} is missing or empty.", CURES[key])


def _white_space(value: dict[str, Any]) -> Iterator[CheckMessage]:
    for key in ("APPLICATION_URI", "APPLICATION_SECRET"):
        text = value.get(key)
        if isinstance(text, str) and text.strip() not in ("", text):
            yield error(
                16,
                f"{name(key)} begins or ends with white space, so the instance does not know it.",
                "Read it with .strip(): a file usually ends in a new line.",
            )
