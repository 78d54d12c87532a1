"""The service's own token: one in each process, as the licence terms ask, and none per call."""

from __future__ import annotations

import math
import threading
import time

from ..conf import conf
from ..oidc.errors import InstanceIDError, InstanceUnavailable
from ..oidc.token_endpoint import client_credentials
from ..oidc.token_set import JUST_ISSUED_SECONDS, TokenSet
from ..once import once
from ..tokens.backoff import Backoff


class ServiceTokens:
    """The token of one application at one instance, in the memory of this process.

    Renewed before it ends, by one thread; the others go on with what they have.
    """

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self._lock = threading.Lock()
        self._tokens: TokenSet | None = None
        self._backoff = Backoff()
        self._replaced_at = -math.inf

    def current(self) -> str:
        """The token. Raises InstanceUnavailable, InvalidResponse or OAuthError."""
        tokens = self._tokens
        if tokens is not None and not _is_due(tokens):
            return tokens.access_token
        usable = tokens is not None and tokens.expires_at > time.time()
        if not self._lock.acquire(blocking=not usable):
            return tokens.access_token  # type: ignore[union-attr]
        try:
            if self._tokens is None or _is_due(self._tokens):
                self._tokens = self._fetch(tokens if usable else None)
            return self._tokens.access_token
        finally:
            self._lock.release()

    def newer_than(self, refused: str) -> str | None:
        """A token that is not the refused one, asked for unless another thread has.

        None where that has been done just now: an API that refuses whatever it is sent would
        cost a token in each call.
        """
        with self._lock:
            if self._tokens is None or self._tokens.access_token == refused:
                if time.monotonic() - self._replaced_at < JUST_ISSUED_SECONDS:
                    return None
                self._tokens = self._fetch(None)
                self._replaced_at = time.monotonic()
            return self._tokens.access_token

    def _fetch(self, usable: TokenSet | None) -> TokenSet:
        try:
            if not self._backoff.allows(conf.deadline):
                raise InstanceUnavailable("backing_off")
            tokens = client_credentials(conf.client, scope=self._scope, now=time.time())
        except InstanceIDError as error:
            if error.code != "backing_off":
                self._backoff.failed()
            if usable is None:
                raise
            return usable
        self._backoff.succeeded()
        return tokens


class OwnTokens:
    """This process's tokens of the application that the settings name.

    Looked up each time: a session that was opened before a fork may be used after it.
    """

    def current(self) -> str:
        return service_tokens().current()

    def newer_than(self, refused: str) -> str | None:
        return service_tokens().newer_than(refused)


def service_tokens() -> ServiceTokens:
    return _service_tokens(conf.issuer, conf.application_uri, conf.service_scope)


# A token is one process's: a child asks for its own.
@once(inherited=False)
def _service_tokens(issuer: str, application_uri: str, scope: str) -> ServiceTokens:
    return ServiceTokens(scope)


def _is_due(tokens: TokenSet) -> bool:
    return tokens.renew_at(conf.refresh_margin) <= time.time()
