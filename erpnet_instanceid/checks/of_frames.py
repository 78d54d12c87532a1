"""Checks what a site needs that pages of other sites show in a frame."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage

from ..conf import conf
from .messages import error, name, warning

# As the header frame-ancestors takes it. "https://*.example.com" names all hosts below a domain.
ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[A-Za-z0-9.*-]+)(:\d+)?")
COOKIES: Mapping[str, object] = {
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
    wrong = [f"{key} = {value!r}" for key, value in COOKIES.items() if not _is_set(key, value)]
    if wrong:
        yield warning(
            19,
            f"{name('FRAMED_BY')} is set, but browsers drop this site's cookies in such a frame.",
            f"Set {', '.join(wrong)}.",
        )


def _is_set(key: str, value: object) -> bool:
    found = getattr(settings, key)
    if isinstance(value, str):
        # Django and browsers take the word in any case.
        return isinstance(found, str) and found.lower() == value.lower()
    return bool(found)


def _is_origin(value: Any) -> bool:
    return isinstance(value, str) and ORIGIN.fullmatch(value) is not None
