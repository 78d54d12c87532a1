"""Checks what a site needs that pages of other sites show in a frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage

from ..conf import conf
from .messages import error, name, warning

COOKIES = {
    "SESSION_COOKIE_SAMESITE": "None",
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SAMESITE": "None",
    "CSRF_COOKIE_SECURE": True,
}


def check_frames() -> Iterator[CheckMessage]:
    origins = conf.get("FRAMED_BY")
    if not isinstance(origins, list | tuple) or not all(map(_is_origin, origins)):
        yield error(
            34,
            f"{name('FRAMED_BY')} must be a list of origins.",
            'For example ["https://mycompany.my.erp.net"]: without a path.',
        )
    elif origins:
        yield from _cookies()


def _cookies() -> Iterator[CheckMessage]:
    wrong = [
        f"{key} = {value!r}" for key, value in COOKIES.items() if getattr(settings, key) != value
    ]
    if wrong:
        yield warning(
            19,
            f"{name('FRAMED_BY')} is set, but browsers drop this site's cookies in such a frame.",
            f"Set {', '.join(wrong)}.",
        )


def _is_origin(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    parts = urlsplit(value)
    return parts.scheme in ("https", "http") and value == f"{parts.scheme}://{parts.netloc}"
