"""Checks the addresses in ERPNET_INSTANCEID."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.checks import CheckMessage

from ..oidc.provider import LOOPBACK_HOSTS, is_safe_address
from .messages import error, name, warning
from .values import is_padded

ADDRESSES = ("INSTANCE_URL", "ISSUER", "CALLBACK_URL", "POST_LOGOUT_URL")


def check_addresses(value: Mapping[str, Any]) -> Iterator[CheckMessage]:
    yield from _not_https(value)
    yield from _issuer_for_instance(value)
    yield from _queries(value)
    yield from _path(value)
    yield from _scheme(value)


def _not_https(value: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key in ADDRESSES:
        url = value.get(key)
        if url in (None, "") or is_padded(url):
            continue
        fault = _fault(url)
        if fault:
            yield error(4, f"{name(key)} {fault[0]}.", fault[1])


def _fault(url: Any) -> tuple[str, str] | None:
    """The fault of an address, and the cure."""
    if "#" in str(url):
        return "has a fragment", "Remove '#' and the text after it."
    if str(url).count("://") > 1:
        return "has two schemes", "Write https:// once."
    if is_safe_address(url):
        return None
    hosts = ", ".join(sorted(LOOPBACK_HOSTS))
    cure = (
        f"Write the whole address, with https://. Plain http works only for this machine ({hosts})."
    )
    return "is not an https address", cure


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


def _path(value: Mapping[str, Any]) -> Iterator[CheckMessage]:
    url = value.get("INSTANCE_URL")
    path = urlsplit(str(url)).path.rstrip("/") if is_safe_address(url) else ""
    if path not in ("", "/id") and not path.startswith("//"):
        yield warning(
            14,
            f"{name('INSTANCE_URL')} has the path {path}.",
            "Leave the path out, unless your instance is really below it: the app reads "
            f"{path}/id/.well-known/openid-configuration there.",
        )


def _scheme(value: Mapping[str, Any]) -> Iterator[CheckMessage]:
    uri = value.get("APPLICATION_URI")
    if isinstance(uri, str) and "://" in uri:
        yield error(
            29,
            f"{name('APPLICATION_URI')} begins like an address, {uri.partition('://')[0]}://.",
            "Write the ApplicationUri of the Trusted Application. It is a name without a scheme, "
            "such as backend.example.com.",
        )
