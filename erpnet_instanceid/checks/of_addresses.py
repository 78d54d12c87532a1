"""Checks the addresses in ERPNET_INSTANCEID."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.core.checks import CheckMessage

from ..oidc.provider import LOOPBACK_HOSTS, is_safe_address
from .messages import error, name


def check_addresses(value: Mapping[str, Any]) -> Iterator[CheckMessage]:
    yield from _not_https(value)
    yield from _issuer_for_instance(value)
    yield from _queries(value)


def _not_https(value: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key in ("INSTANCE_URL", "ISSUER", "CALLBACK_URL", "POST_LOGOUT_URL"):
        url = value.get(key)
        if url not in (None, "") and not is_safe_address(url):
            yield error(
                4,
                f"{name(key)} is not an https address.",
                "Write the whole address, with https://. Plain http works only for this machine "
                f"({', '.join(sorted(LOOPBACK_HOSTS))}).",
            )


def _issuer_for_instance(value: Mapping[str, Any]) -> Iterator[CheckMessage]:
    url = value.get("INSTANCE_URL")
    if isinstance(url, str) and url.rstrip("/").endswith("/id"):
        yield error(
            5,
            f"{name('INSTANCE_URL')} ends in /id: this is the issuer's address.",
            "Leave /id out, and write the address of the instance itself.",
        )


def _queries(value: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key in ("INSTANCE_URL", "ISSUER"):
        url = value.get(key)
        if isinstance(url, str) and "?" in url:
            yield error(
                17,
                f"{name(key)} has a query.",
                "Remove '?' and the text after it: the app adds paths to this address.",
            )
