"""JSON as the instance writes it, and base64url."""

from __future__ import annotations

import base64
import json
from typing import Any


def encode_json(value: Any) -> bytes:
    """Raw UTF-8. Only a text with a lone surrogate is escaped: UTF-8 cannot encode it."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64url_decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
