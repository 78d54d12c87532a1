"""Reads the errors in the answers of the instance's APIs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ..errors import APIError, APINotFound, ImportFailed, MaximumLicenseCountExceeded

NO_LICENCE = "MaximumLicenseCountExceeded"
# A whole message with its lines fits many times over; an answer made to fill a log does not.
MAX_MESSAGE_CHARACTERS = 16 * 1024
MAX_NAME_CHARACTERS = 300
MAX_PARAMETERS = 50
# "(Constraint R17342)" at the end, or "The validation R17342: ". A product may be called R17342.
RULE = re.compile(r"\(\w+ (R\d{2,9})\)|\b(R\d{2,9}): ")


def read_api_error(status: int, body: bytes, url: str) -> APIError:
    """The error in an API's answer. The instance sends it flat, or wrapped in ``error``."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    fields = value if isinstance(value, dict) else {}
    inner = fields.get("error")
    return error_of(inner if isinstance(inner, dict) else fields, status, url)


def error_of(fields: Mapping[str, Any], status: int, url: str) -> APIError:
    """The error that the instance describes with these fields."""
    message, kind = _text(fields.get("message")), _name(fields.get("type"))
    number = _number(fields.get("code"))
    code = _name(fields.get("code") if number is None else str(number))
    told: dict[str, Any] = {
        "status": status,
        "message": message,
        "kind": kind,
        "url": url,
        "rule": _rule(message),
        "instance_code": number,
        "message_format": _text(fields.get("messageFormat")),
        "parameters": _parameters(fields.get("parameters")),
    }
    if code == NO_LICENCE or NO_LICENCE in message or NO_LICENCE in kind:
        return MaximumLicenseCountExceeded(NO_LICENCE, **told)
    found = APINotFound if status == 404 else APIError
    return found(code or f"http_{status}", **told)


def check_import(answer: object, url: str) -> None:
    """Raises ImportFailed if the answer to an import tells of refused objects.

    The instance answers 200 all the same. ErpNetDocs, domain-api/data-manipulation/import.
    """
    fields = answer if isinstance(answer, dict) else {}
    listed = fields.get("objects")
    results = tuple(listed) if isinstance(listed, list) else ()
    failures = {
        place: _import_error(result, url) for place, result in enumerate(results) if _failed(result)
    }
    if not failures and not _failed(fields):
        return
    first = next(iter(failures.values()), None)
    raise ImportFailed(
        "import_failed",
        status=200,
        message=first.message if first else "",
        kind=first.type if first else "",
        rule=first.rule if first else "",
        url=url,
        results=tuple(map(_without_stack_trace, results)),
        failures=failures,
    )


def _failed(result: object) -> bool:
    # The documentation writes the result of the whole with and without the prefix.
    fields = result if isinstance(result, dict) else {}
    return "fail" in (fields.get("@erpnet.result"), fields.get("result"))


def _without_stack_trace(result: object) -> object:
    if not isinstance(result, dict):
        return result
    return {name: value for name, value in result.items() if name != "@erpnet.error"}


def _import_error(result: Mapping[str, Any], url: str) -> APIError:
    error = result.get("@erpnet.error")
    return error_of(
        error if isinstance(error, dict) else {"message": result.get("@erpnet.message")}, 200, url
    )


def _rule(message: str) -> str:
    found = RULE.findall(message)
    return "".join(found[-1]) if found else ""


def _number(value: object) -> int | None:
    return value if type(value) is int else None


def _parameters(value: object) -> tuple[object, ...]:
    listed = value if isinstance(value, list) else []
    return tuple(_text(item) if isinstance(item, str) else item for item in listed[:MAX_PARAMETERS])


def _name(value: object) -> str:
    return " ".join(_text(value).split())[:MAX_NAME_CHARACTERS]


def _text(value: object) -> str:
    """The text with its lines, without other characters that a page or a log cannot show."""
    if not isinstance(value, str):
        return ""
    lines = value[:MAX_MESSAGE_CHARACTERS].replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c if c.isprintable() or c == "\n" else " " for c in lines)
