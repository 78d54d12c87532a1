"""Requests to the token endpoint, which spend a code or a refresh token, and to revocation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import http
from .access_token import ACCESS_TOKEN_TYPES
from .client import Client
from .errors import InstanceIDError, InstanceUnavailable, InvalidResponse, OAuthError, TokenRejected
from .id_token import read_time
from .jose import MAX_TOKEN_CHARACTERS
from .token_set import TokenSet

DEFAULT_LIFETIME_SECONDS = 300
# A longer lifetime is a mistake of the instance, and is ignored.
MAX_LIFETIME_SECONDS = 366 * 24 * 3600
# Callers bound a revocation by this: a visitor waits for it, and sign-out works without it.
REVOCATION_SECONDS = 3.0


@dataclass(frozen=True)
class Refreshed:
    """The answer to a refresh token. ``told_at`` is the instance's time, as `Answer.told_at`."""

    tokens: TokenSet
    told_at: float | None


def exchange_code(
    client: Client, *, code: str, code_verifier: str, redirect_uri: str, scope: str, now: float
) -> TokenSet:
    """The tokens for a code. RFC 6749 4.1.3, RFC 7636 4.5. Sends one request and never repeats it.

    Raises OAuthError where the instance refuses the code, TokenRejected where the tokens in its
    answer cannot be used, InstanceUnavailable and InvalidResponse where there is no such answer.
    """
    fields, _ = _ask(
        client,
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": code_verifier,
        },
    )
    try:
        tokens = _read_tokens(fields, client, scope=scope, now=now)
    except InvalidResponse as error:
        # InvalidResponse means "try later" to a caller. The code is spent: later is no use.
        raise TokenRejected(error.code, **error.facts) from None
    if not tokens.id_token:
        raise TokenRejected("id_token_missing")
    return tokens


def spend_refresh_token(client: Client, refresh_token: str, *, now: float) -> Refreshed:
    """The tokens for a refresh token. The request spends the refresh token. RFC 6749 6.

    A ``scope``, ``id_token`` or ``refresh_token`` that the answer leaves out is empty. Raises
    InstanceUnavailable, InvalidResponse or OAuthError.
    """
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    fields, answer = _ask(client, form)
    return Refreshed(_read_tokens(fields, client, scope="", now=now), answer.told_at())


def client_credentials(client: Client, *, scope: str | None, now: float) -> TokenSet:
    """A token for the site itself, without a visitor. RFC 6749 4.4.

    Raises InstanceUnavailable, InvalidResponse or OAuthError.
    """
    form = {"grant_type": "client_credentials"}
    if scope:
        form["scope"] = scope
    fields, _ = _ask(client, form)
    return _read_tokens(fields, client, scope=scope or "", now=now)


def revoke(client: Client, refresh_token: str) -> bool:
    """Ends a refresh token at the instance. RFC 7009 2.1. Never raises.

    False where the instance offers no revocation, or could not be reached.
    """
    try:
        endpoint = client.provider.metadata().revocation_endpoint
        if endpoint is None:
            return False
        form = {"token": refresh_token, "token_type_hint": "refresh_token"}
        return _post(client, endpoint, form).status == 200
    except InstanceIDError:
        return False


def _ask(client: Client, form: Mapping[str, str]) -> tuple[dict[str, Any], http.Answer]:
    answer = _post(client, client.provider.metadata().token_endpoint, form)
    answer.check_available()
    if answer.status == 200:
        fields = answer.json_object()
        if "error" in fields:
            raise InvalidResponse("error_with_status_200", url=answer.url)
        return fields, answer
    if answer.status in (400, 401, 403):
        fields = answer.json_object()
        error = fields.get("error")
        if isinstance(error, str) and error.isascii() and error.isprintable():
            # Its description is left out: it may repeat the code or the secret that we sent.
            raise OAuthError(error[:64], status=answer.status, url=answer.url)
    raise InvalidResponse("unexpected_status", url=answer.url, status=answer.status)


def _post(client: Client, endpoint: str, form: Mapping[str, str]) -> http.Answer:
    # The instance takes the secret as a form field, not as Basic. RFC 6749 2.3.1.
    credentials = {"client_id": client.client_id, "client_secret": client.client_secret}
    return http.exchange("POST", endpoint, limits=client.limits, form={**form, **credentials})


def _read_tokens(answer: Mapping[str, Any], client: Client, *, scope: str, now: float) -> TokenSet:
    access_token = _text(answer, "access_token")
    if not access_token:
        raise InvalidResponse("access_token_missing")
    # RFC 6749 7.1 forbids the use of an unknown type. The instance's samples leave the type out.
    kind = answer.get("token_type", "Bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise InvalidResponse("token_type_refused", expected="Bearer")
    lifetime = _lifetime(answer, access_token, client, now)
    return TokenSet(
        access_token=access_token,
        id_token=_text(answer, "id_token"),
        refresh_token=_text(answer, "refresh_token") or None,
        expires_at=int(now) + lifetime,
        scope=_scope(answer, scope),
        lifetime=lifetime,
    )


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    usable = isinstance(value, str) and len(value) <= MAX_TOKEN_CHARACTERS and value.isascii()
    return value if usable and value.isprintable() else ""  # type: ignore[union-attr,return-value]


def _scope(answer: Mapping[str, Any], requested: str) -> str:
    # RFC 6749 5.1: an answer without a scope grants the scope that was requested.
    granted = answer.get("scope")
    if granted is None:
        return requested
    if isinstance(granted, list):
        granted = " ".join(item for item in granted if isinstance(item, str))
    return granted if isinstance(granted, str) and granted.isprintable() else ""


def _lifetime(answer: Mapping[str, Any], access_token: str, client: Client, now: float) -> int:
    """How long the access token lives, in whole seconds: by ``expires_in``, else by the token's
    own ``exp``, else five minutes."""
    seconds = answer.get("expires_in")
    if isinstance(seconds, str) and seconds.isascii() and seconds.isdigit() and len(seconds) < 10:
        seconds = int(seconds)
    if (
        isinstance(seconds, int | float)
        and not isinstance(seconds, bool)
        and -MAX_LIFETIME_SECONDS <= seconds <= MAX_LIFETIME_SECONDS
    ):
        return max(0, int(seconds))
    try:
        claims = client.provider.verify(
            access_token, algorithms=client.algorithms, types=ACCESS_TOKEN_TYPES
        ).claims
        left = read_time(claims, "exp") - now
    except (TokenRejected, InvalidResponse, InstanceUnavailable):
        return DEFAULT_LIFETIME_SECONDS
    return max(0, int(min(left, MAX_LIFETIME_SECONDS)))
