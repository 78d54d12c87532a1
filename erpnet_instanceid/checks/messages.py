"""Makes the messages of the checks.

An id is never given to a second check, not even when the first is gone, as E025 is.
"""

from __future__ import annotations

from django.core.checks import Error
from django.core.checks import Warning as CheckWarning

from ..conf import setting_name

name = setting_name


def error(number: int, message: str, hint: str) -> Error:
    return Error(message, hint=hint, id=f"erpnet_instanceid.E{number:03d}")


def warning(number: int, message: str, hint: str) -> CheckWarning:
    return CheckWarning(message, hint=hint, id=f"erpnet_instanceid.W{number:03d}")
