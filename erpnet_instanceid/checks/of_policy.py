"""Checks that the site's Content-Security-Policy lets a sign-out go on to the instance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage

from ..conf import conf
from ..oidc import http
from ..oidc.provider import is_safe_address
from .messages import warning


def check_policy() -> Iterator[CheckMessage]:
    sources = _form_action(getattr(settings, "SECURE_CSP", None))
    address = conf.get("ISSUER") or conf.get("INSTANCE_URL")
    if not sources or not is_safe_address(address):
        return
    origin = http.origin_of(address)
    if not any(_allows(source, origin) for source in sources):
        yield warning(
            27,
            "SECURE_CSP has form-action without the instance, so browsers stop a sign-out on its "
            "way there.",
            f'Add "{origin}" to its form-action.',
        )


def _form_action(policy: Any) -> list[str]:
    value = policy.get("form-action") if isinstance(policy, Mapping) else None
    if isinstance(value, str):
        return value.split()
    return [str(source) for source in value] if isinstance(value, list | tuple | set) else []


def _allows(source: str, origin: str) -> bool:
    """Whether a source such as ``https:`` or ``*.my.erp.net`` names ``origin``. CSP 3, 6.7.2."""
    parts = urlsplit(origin)
    named = (origin, parts.netloc, f"{parts.scheme}:")
    return any(fnmatchcase(name, source.rstrip("/").lower()) for name in named)
