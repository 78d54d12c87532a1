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
    if _says_https(request) and not request.is_secure():
        _warn()


def _says_https(request: HttpRequest) -> bool:
    sent = request.META
    # The first proxy of a chain is the one that the visitor reached.
    scheme = sent.get("HTTP_X_FORWARDED_PROTO") or sent.get("HTTP_X_FORWARDED_SCHEME", "")
    return (
        scheme.partition(",")[0].strip().lower() == "https"
        or sent.get("HTTP_X_FORWARDED_SSL") == "on"
        or "proto=https" in sent.get("HTTP_FORWARDED", "").lower()
    )


@once(inherited=True)
def _warn() -> None:
    logger.warning("https_not_known cure=SECURE_PROXY_SSL_HEADER")
