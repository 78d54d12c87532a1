"""Notices a proxy that takes https off without Django's knowledge."""

from __future__ import annotations

import logging

from django.http import HttpRequest

from ..once import once

logger = logging.getLogger("erpnet_instanceid")


def note_unknown_https(request: HttpRequest) -> None:
    """Logs, once in each process, that a proxy speaks of https and Django does not believe it.

    The site then gives the instance an address with http, and the instance refuses that on a page
    of its own: nothing else in the site's log tells of it.
    """
    if request.headers.get("X-Forwarded-Proto") == "https" and not request.is_secure():
        _warn()


@once(inherited=True)
def _warn() -> None:
    logger.warning("https_not_known cure=SECURE_PROXY_SSL_HEADER")
