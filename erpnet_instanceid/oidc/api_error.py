"""What the instance's APIs say when they refuse."""

from __future__ import annotations

from typing import Any

from . import jose
from .errors import InstanceIDError

MAX_TEXT_CHARACTERS = 300
NO_LICENCE = "MaximumLicenseCountExceeded"


class APIError(InstanceIDError):
    """An API of the instance refused a call.

    ``status`` is the HTTP status; ``message``, ``code`` and ``type`` are the instance's own. Its
    stack trace is left out.
    """

    def __init__(
        self,
        code: str,
        /,
        *,
        status: int,
        message: str = "",
        kind: str = "",
        url: str = "",
    ) -> None:
        super().__init__(code, status=status, message=message, type=kind, url=url)

    @property
    def status(self) -> int:
        return int(str(self.facts.get("status", 0)))

    @property
    def message(self) -> str:
        return str(self.facts.get("message", ""))

    @property
    def type(self) -> str:
        return str(self.facts.get("type", ""))


class MaximumLicenseCountExceeded(APIError):
    """Everybody the licence allows is at work. A slot is free again when one of them signs out,
    or 20 minutes after their last call."""


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
