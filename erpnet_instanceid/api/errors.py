"""Reads the error in an answer of the instance's APIs."""

from __future__ import annotations

from typing import Any

from ..errors import APIError, MaximumLicenseCountExceeded
from ..oidc import jose

MAX_TEXT_CHARACTERS = 300
NO_LICENCE = "MaximumLicenseCountExceeded"


def read_api_error(status: int, body: bytes, url: str) -> APIError:
    """The error in an API's answer."""
    fields: dict[str, Any] = {}
    try:
        value = jose.read_json(body)
        if isinstance(value, dict):
            # OData wraps its errors once more.
            inner = value.get("error")
            fields = inner if isinstance(inner, dict) else value
    except ValueError:
        pass
    message, code, kind = (_text(fields.get(name)) for name in ("message", "code", "type"))
    told: dict[str, Any] = {"status": status, "message": message, "kind": kind, "url": url}
    if NO_LICENCE in (code, kind) or NO_LICENCE in message or NO_LICENCE in kind:
        return MaximumLicenseCountExceeded(NO_LICENCE, **told)
    return APIError(code or f"http_{status}", **told)


def _text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return ""
    return "".join(c if c.isprintable() else " " for c in value)[:MAX_TEXT_CHARACTERS]
