"""The instance's metadata and keys, and whether one of its keys has signed a token."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from . import http, jose
from .errors import InvalidResponse, TokenRejected
from .fetched import Clock, Fetched

RETRY_SECONDS = 5.0
MAX_NAMED_CHARACTERS = 255

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Metadata:
    """The instance's description of itself. OpenID Connect Discovery 3, RFC 8414 2."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    revocation_endpoint: str | None
    end_session_endpoint: str | None
    names_issuer: bool
    document: Mapping[str, Any]


def is_safe_address(url: object) -> bool:
    """Whether ``url`` is https, or plain http to this machine itself."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or parts.fragment or not url.isprintable() or " " in url:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK_HOSTS)


def is_on_this_machine(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK_HOSTS


def discovery_address(issuer: str) -> str:
    """The address of the issuer's metadata. OpenID Connect Discovery 4."""
    return f"{issuer.removesuffix('/')}/.well-known/openid-configuration"


def read_metadata(document: Mapping[str, Any], *, issuer: str) -> Metadata:
    """The endpoints in a discovery document. OpenID Connect Discovery 4.3.

    Raises InvalidResponse where the document names another issuer, or where an endpoint is missing
    or not https.
    """
    if document.get("issuer") != issuer:
        actual = str(document.get("issuer"))[:MAX_NAMED_CHARACTERS]
        raise InvalidResponse("issuer_mismatch", expected=issuer, actual=actual)
    required = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    optional = ("userinfo_endpoint", "revocation_endpoint", "end_session_endpoint")
    for name in required:
        if document.get(name) is None:
            raise InvalidResponse("endpoint_missing", endpoint=name, issuer=issuer)
    endpoints = {name: document.get(name) for name in required + optional}
    plain_allowed = urlsplit(issuer).scheme == "http"
    for name, url in endpoints.items():
        if url is None:
            continue
        if not is_safe_address(url) or (url.startswith("http:") and not plain_allowed):
            raise InvalidResponse("endpoint_not_https", endpoint=name, issuer=issuer)
    return Metadata(
        issuer=issuer,
        names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        document=document,
        **endpoints,  # type: ignore[arg-type]
    )


class Provider:
    """Metadata and keys of one issuer. Threads may share it."""

    # A monotonic clock: if somebody sets the wall clock back, old keys would stay in use.
    def __init__(self, issuer: str, limits: http.Limits, clock: Clock = time.monotonic) -> None:
        self.issuer = issuer
        self.limits = limits
        self._metadata = Fetched(issuer, self._fetch_metadata, clock, retry_seconds=RETRY_SECONDS)
        self._keys = Fetched(issuer, self._fetch_keys, clock, retry_seconds=RETRY_SECONDS)

    def metadata(self) -> Metadata:
        """The instance's description of itself. Raises InstanceUnavailable or InvalidResponse.

        While the instance hangs, waits for three seconds and not for the whole deadline.
        """
        return self._metadata.get()

    def keys(self) -> tuple[jose.Key, ...]:
        """The instance's usable signing keys. Raises InstanceUnavailable or InvalidResponse."""
        return self._keys.get()

    def verify(
        self, raw: str, *, algorithms: Sequence[str], types: Iterable[str]
    ) -> jose.SignedToken:
        """The parts of a token that this issuer has signed. RFC 7515 5.2, Core 10.1.1.

        Fetches the keys again where the token's key is unknown, at most once a minute. Raises
        TokenRejected, and InstanceUnavailable or InvalidResponse where the keys cannot be fetched.
        An ``unknown_key`` with the fact ``looked_for=False`` may be a good key that we will know
        within a minute.
        """
        token = jose.read_token(raw, algorithms=algorithms, types=types)
        keys = self._keys.get()
        if _is_signed(token, keys):
            return token
        if token.kid is not None and any(key.kid == token.kid for key in keys):
            # The token names a key that we have. Other keys would not help.
            raise TokenRejected("bad_signature")
        newer = self._keys.renew(keys)
        if newer is None:
            raise TokenRejected("unknown_key", looked_for=False)
        if _is_signed(token, newer):
            return token
        if not _candidates(newer, token):
            raise TokenRejected("unknown_key", looked_for=True)
        raise TokenRejected("bad_signature")

    def _fetch_metadata(self) -> Metadata:
        document = self._fetch(discovery_address(self.issuer))
        return read_metadata(document, issuer=self.issuer)

    def _fetch_keys(self) -> tuple[jose.Key, ...]:
        # In the thread that fetches the keys, where nobody waits but those who want the keys.
        metadata = self._metadata.get(patience=self.limits.deadline)
        return jose.read_key_set(self._fetch(metadata.jwks_uri))

    def _fetch(self, url: str) -> dict[str, Any]:
        answer = http.exchange("GET", url, limits=self.limits)
        answer.check_available()
        if answer.status != 200:
            raise InvalidResponse("unexpected_status", url=answer.url, status=answer.status)
        return answer.json_object()


def _is_signed(token: jose.SignedToken, keys: Iterable[jose.Key]) -> bool:
    return any(token.is_signed_by(key) for key in _candidates(keys, token))


def _candidates(keys: Iterable[jose.Key], token: jose.SignedToken) -> list[jose.Key]:
    # Any key may have signed a token without a key id. A key without an id may have signed any
    # token: some issuers leave the ids out of their key set only.
    return [
        key
        for key in keys
        if key.fits(token.algorithm) and (token.kid is None or key.kid in (token.kid, None))
    ]
