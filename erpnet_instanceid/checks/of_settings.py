"""Checks the dict ERPNET_INSTANCEID: its keys, then the value of each."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import ERROR, CheckMessage

from ..conf import DEFAULTS, REQUIRED, SETTING
from .messages import error, name
from .of_addresses import ADDRESSES, check_addresses
from .of_flow import check_flow
from .of_numbers import check_numbers
from .of_users import check_users
from .values import is_padded

CURES = {
    "INSTANCE_URL": "Set it to the address of your instance, "
    "for example https://mycompany.my.erp.net.",
    "APPLICATION_URI": "Set it to the ApplicationUri of your Trusted Application.",
    "APPLICATION_SECRET": "Read it from the environment. "
    "'manage.py instanceid register' makes one.",
}

# Names that other libraries and the registration have for the same thing.
SYNONYMS = {
    "URL": "INSTANCE_URL",
    "HOST": "INSTANCE_URL",
    "SERVER": "INSTANCE_URL",
    "BASE_URL": "INSTANCE_URL",
    "AUTHORITY": "ISSUER",
    "SERVER_METADATA_URL": "ISSUER",
    "ID": "APPLICATION_URI",
    "CLIENT": "APPLICATION_URI",
    "CLIENT_ID": "APPLICATION_URI",
    "APP_ID": "APPLICATION_URI",
    "APPLICATION": "APPLICATION_URI",
    "APPLICATION_ID": "APPLICATION_URI",
    "SECRET": "APPLICATION_SECRET",
    "SECRET_KEY": "APPLICATION_SECRET",
    "CLIENT_SECRET": "APPLICATION_SECRET",
    "APP_SECRET": "APPLICATION_SECRET",
    "APPLICATION_SECRET_HASH": "APPLICATION_SECRET",
    "REDIRECT_URI": "CALLBACK_URL",
    "REDIRECT_URL": "CALLBACK_URL",
    "LOGIN_URL": "CALLBACK_URL",
    "IMPERSONATE_LOGIN_URL": "CALLBACK_URL",
    "IMPERSONATELOGINURL": "CALLBACK_URL",
    "AUTHENTICATION_CALLBACK_URL": "CALLBACK_URL",
    "LOGOUT_URL": "POST_LOGOUT_URL",
    "POST_LOGOUT_REDIRECT_URI": "POST_LOGOUT_URL",
    "IMPERSONATE_LOGOUT_URL": "POST_LOGOUT_URL",
    "IMPERSONATELOGOUTURL": "POST_LOGOUT_URL",
    "USER_TYPES": "ALLOWED_USER_TYPES",
    "USERS": "ALLOWED_USER_TYPES",
    "FLAGS": "ADMIN_FLAGS",
    "ADMIN": "ADMIN_FLAGS",
    "GROUPS": "USER_TYPE_GROUPS",
    "CREATE_USER": "CREATE_USERS",
    "SIGN_ALGO": "SIGNING_ALGORITHMS",
    "ALGORITHMS": "SIGNING_ALGORITHMS",
    "LEEWAY": "CLOCK_SKEW",
    "STATE_LIFETIME": "SIGN_IN_LIFETIME",
    "NAME": "SITE_NAME",
    "TITLE": "SITE_NAME",
    "SITE_TITLE": "SITE_NAME",
}


def check_settings() -> list[CheckMessage]:
    """The faults in ERPNET_INSTANCEID."""
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


def errors_in_given_keys() -> list[CheckMessage]:
    """The errors in ERPNET_INSTANCEID as far as it is written. A key may still be missing."""
    value = getattr(settings, SETTING, None)
    if value is None:
        return []
    missing = [*_required(_with_texts(value))] if isinstance(value, dict) else []
    found = [message for message in check_settings() if message.level >= ERROR]
    return [each for each in found if each not in missing and not each.is_silenced()]


def _with_texts(value: dict[str, Any]) -> dict[str, Any]:
    """``value`` with a text for each required key that it has: only the others are missing then."""
    return {**value, **{key: "text" for key in REQUIRED if not _is_empty(value.get(key))}}


def _unknown_keys(value: dict[str, Any]) -> Iterator[CheckMessage]:
    for key in value:
        if key not in DEFAULTS:
            yield error(2, f"{name(str(key))} is not a setting of this app.", _nearest(str(key)))


def _nearest(key: str) -> str:
    meant = _meant(key)
    return f"Did you mean {meant}?" if meant else f"Known keys: {', '.join(DEFAULTS)}."


def _meant(key: str) -> str | None:
    """The setting that ``key`` resembles, by meaning or by spelling."""
    plain = re.sub(r"^(ERPNET|OIDC)_((RP|OP)_)?", "", key.upper().replace("-", "_"))
    near = difflib.get_close_matches(plain, DEFAULTS, n=1, cutoff=0.5)
    return SYNONYMS.get(plain) or next(iter(near), None)


def _required(value: dict[str, Any]) -> Iterator[CheckMessage]:
    misspelt = {_meant(str(key)) for key in value if key not in DEFAULTS}
    for key in REQUIRED:
        given = value.get(key)
        is_empty = _is_empty(given)
        # One mistake gets one message.
        if (isinstance(given, str) and not is_empty) or (key not in value and key in misspelt):
            continue
        wrong = "is missing or empty" if is_empty else "is not a text"
        cure = CURES[key] if is_empty else "Write it as one text, in quotes."
        yield error(3, f"{name(key)} {wrong}.", cure)


def _is_empty(given: object) -> bool:
    return not (given.strip() if isinstance(given, str) else given)


def _white_space(value: dict[str, Any]) -> Iterator[CheckMessage]:
    for key in ("APPLICATION_URI", "APPLICATION_SECRET", *ADDRESSES):
        if is_padded(value.get(key)):
            yield error(
                16,
                f"{name(key)} begins or ends with white space.",
                "Read it with .strip(): a file usually ends in a new line.",
            )
