"""Writes a dataclass as a dict, as JSON or sealed, and reads it back.

The fields stand by name, beside a version. So a field with a default can be added without a
migration. What another version of this app wrote is not readable: the visitor signs in again.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, Protocol, TypeVar

from . import sealing

VERSION_KEY = "v"

# Without blanks, since cookies have to be short. With separators, json.dumps() would make an
# encoder for each call.
_encode = json.JSONEncoder(separators=(",", ":")).encode


class Record(Protocol):
    """A dataclass that this module can write. ``VERSION`` changes when a field changes its
    meaning."""

    VERSION: ClassVar[int]
    __dataclass_fields__: ClassVar[dict[str, Any]]


R = TypeVar("R", bound=Record)


def to_dict(record: Record) -> dict[str, Any]:
    """The fields of ``record`` by name, and its version."""
    return {VERSION_KEY: record.VERSION, **vars(record)}


def from_dict(kind: type[R], value: object) -> R | None:
    """The record in ``value``, None where it is not one of this ``kind`` and version."""
    fields = dict(value) if isinstance(value, dict) else {}
    if fields.pop(VERSION_KEY, None) != kind.VERSION:
        return None
    try:
        return kind(**fields)
    except (TypeError, ValueError):
        return None


def pack(record: Record) -> bytes:
    """``record`` as JSON. Fields at their default are left out: cookies have to be short."""
    fields = record.__dataclass_fields__
    values = vars(record).items()
    set_here = {name: value for name, value in values if value != fields[name].default}
    return _encode({VERSION_KEY: record.VERSION, **set_here}).encode()


def seal(purpose: str, record: Record) -> str:
    """``record`` encrypted and authenticated, as text that fits a cookie."""
    return sealing.seal(purpose, pack(record))


def unseal(kind: type[R], purpose: str, text: object, *, max_age: int | None = None) -> R | None:
    """The record that was sealed for ``purpose``.

    None where ``text`` is not one of this ``kind`` and version, or is older than ``max_age``
    seconds.
    """
    data = sealing.unseal(purpose, text, max_age=max_age) if isinstance(text, str) else None
    return None if data is None else unpack(kind, data)


def unpack(kind: type[R], data: bytes) -> R | None:
    """The record that `pack` wrote, None where it is not one of this ``kind`` and version."""
    try:
        return from_dict(kind, json.loads(data.decode()))
    except ValueError:
        return None
