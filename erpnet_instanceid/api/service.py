"""The service's own token. Each process has one, as the licence terms ask."""

from __future__ import annotations

import math
import threading
import time

from ..conf import conf
from ..oidc.errors import InstanceIDError, InstanceUnavailable, OAuthError
from ..oidc.pool import deadline
from ..oidc.token_endpoint import client_credentials
from ..oidc.token_set import JUST_ISSUED_SECONDS, TokenSet
from ..once import once
from ..tokens import backoff
from ..tokens.connections import give_back

# The name of the service among the callers of the instance.
CALLER = "service"
# How long a call waits for a newer token while the present one is still good.
PATIENCE_SECONDS = 1.0


class ServiceTokens:
    """The token of one application at one instance, in the memory of this process.

    One thread renews the token before it expires. The others go on with the present one.
    """

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self._lock = threading.Lock()
        self._tokens: TokenSet | None = None
        self._replaced_at = -math.inf
        self._failures = 0
        self._retry_at = -math.inf

    def current(self) -> str:
        """The token. Raises InstanceUnavailable, InvalidResponse or OAuthError."""
        tokens = self._tokens
        if tokens is not None and not _is_due(tokens):
            return tokens.access_token
        # From here on the call may wait for the instance, or for another thread that does.
        give_back()
        usable = None if tokens is None or tokens.has_expired(time.time()) else tokens
        if not self._lock.acquire(blocking=usable is None):
            return usable.access_token  # type: ignore[union-attr]
        try:
            if self._tokens is None or _is_due(self._tokens):
                self._tokens = self._fetch() if usable is None else self._fetch_in_time(usable)
            return self._tokens.access_token
        finally:
            self._lock.release()

    def newer_than(self, refused: str) -> str | None:
        """A token other than the refused one; asks for one unless another thread has.

        None where the service has asked moments ago: if the API refuses every token, asking each
        time would cost one per call.
        """
        with self._lock:
            if self._tokens is None or self._tokens.access_token == refused:
                if time.monotonic() - self._replaced_at < JUST_ISSUED_SECONDS:
                    return None
                self._tokens = self._fetch()
                self._replaced_at = time.monotonic()
            return self._tokens.access_token

    def _fetch_in_time(self, usable: TokenSet) -> TokenSet:
        """A newer token where the instance answers at once, else the ``usable`` one."""
        try:
            with deadline(PATIENCE_SECONDS):
                return self._fetch()
        except InstanceIDError:
            return usable

    def _fetch(self) -> TokenSet:
        instance = backoff.of_issuer(conf.issuer)
        if time.monotonic() < self._retry_at or not instance.allows(CALLER, conf.deadline):
            raise InstanceUnavailable("backing_off")
        try:
            tokens = client_credentials(conf.client, scope=self._scope, now=time.time())
        except InstanceIDError as error:
            self._failures += 1
            self._retry_at = time.monotonic() + backoff.pause_after(self._failures)
            if isinstance(error, OAuthError):
                # The instance is there, and refuses the service.
                instance.succeeded()
            else:
                instance.failed(CALLER)
            raise
        self._failures, self._retry_at = 0, -math.inf
        instance.succeeded()
        return tokens


class OwnTokens:
    """The tokens of the application that the settings name, in this process.

    Looked up each time: a session that was opened before a fork may be used after it.
    """

    def __init__(self) -> None:
        self._application = conf.issuer, conf.application_uri, conf.service_scope

    def current(self) -> str:
        return _service_tokens(*self._application).current()

    def newer_than(self, refused: str) -> str | None:
        return _service_tokens(*self._application).newer_than(refused)


# A token belongs to one process: a child asks for its own.
@once(inherited=False)
def _service_tokens(issuer: str, application_uri: str, scope: str) -> ServiceTokens:
    return ServiceTokens(scope)


def _is_due(tokens: TokenSet) -> bool:
    return tokens.renew_at(conf.refresh_margin) <= time.time()
