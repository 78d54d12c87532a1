"""The authorization request, and the answer that the visitor's browser brings back."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .errors import AttemptError, OAuthError, TokenRejected
from .http import urlencoded
from .jose import encode_base64url

ANSWER_PARAMETERS = ("state", "code", "id_token", "error", "error_description", "iss")
MAX_DESCRIPTION_CHARACTERS = 200
MAX_HINT_CHARACTERS = 256

_VISIBLE_ASCII = re.compile(r"[\x20-\x7e]+\Z")
# RFC 6749 4.1.2.1, Core 3.1.2.6. Other words count as ``unknown_error``: one of them could be a
# code of our own, and be taken for it.
ERRORS = frozenset(
    {
        "access_denied",
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "invalid_request",
        "invalid_request_object",
        "invalid_request_uri",
        "invalid_scope",
        "login_required",
        "registration_not_supported",
        "request_not_supported",
        "request_uri_not_supported",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_response_type",
    }
)


@dataclass(frozen=True)
class Secrets:
    """The random values of one sign-in. Core 3.1.2.1, RFC 7636 4.1."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)


def new_secrets() -> Secrets:
    """State and nonce of 256 bits each, and a code verifier of 64 characters."""
    return Secrets(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        code_verifier=secrets.token_urlsafe(48),
    )


def code_challenge(code_verifier: str) -> str:
    """The S256 challenge. RFC 7636 4.2."""
    return encode_base64url(hashlib.sha256(code_verifier.encode("ascii")).digest())


def with_parameters(endpoint: str, parameters: Mapping[str, str | None]) -> str:
    """``endpoint`` with ``parameters`` added to its query; those that are None are left out.

    RFC 6749 3.1.
    """
    query = urlencoded({name: value for name, value in parameters.items() if value is not None})
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}" if query else endpoint


def authorization_url(
    endpoint: str,
    *,
    client_id: str,
    redirect_uri: str,
    scope: str,
    response_type: str,
    response_mode: str,
    secrets: Secrets,
    prompt: str | None = None,
    max_age: int | None = None,
    login_hint: str | None = None,
    ui_locales: str | None = None,
) -> str:
    """The address at the instance to send the browser to. Core 3.3.2.1, RFC 7636 4.3."""
    return with_parameters(
        endpoint,
        {
            "response_type": response_type,
            "response_mode": response_mode,
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "scope": scope,
            "state": secrets.state,
            "nonce": secrets.nonce,
            "code_challenge": code_challenge(secrets.code_verifier),
            "code_challenge_method": "S256",
            "prompt": prompt or None,
            "max_age": None if max_age is None else str(max_age),
            "login_hint": login_hint[:MAX_HINT_CHARACTERS] if login_hint else None,
            "ui_locales": ui_locales or None,
        },
    )


@dataclass(frozen=True)
class AuthorizationAnswer:
    """The parameters of the answer. One that is absent or empty is None. RFC 6749 3.1."""

    state: str | None = field(default=None, repr=False)
    code: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    error: str | None = None
    error_description: str | None = None
    iss: str | None = None


def read_answer(pairs: Iterable[tuple[str, str]]) -> AuthorizationAnswer:
    """The answer in ``pairs``. Names that we do not know are ignored.

    Raises AttemptError where a parameter comes twice, since we could only guess which one counts.
    RFC 6749 3.1.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in ANSWER_PARAMETERS:
            continue
        if name in found:
            raise AttemptError("parameter_repeated", parameter=name)
        found[name] = value
    return AuthorizationAnswer(**{name: value for name, value in found.items() if value})


def check_answer(
    answer: AuthorizationAnswer, *, issuer: str, demand_issuer: bool, demand_id_token: bool
) -> str:
    """The code in the answer. RFC 6749 4.1.2.1, RFC 9207 2.4, Core 3.3.2.5.

    Raises TokenRejected where the answer names another issuer, OAuthError where it is an error
    answer, AttemptError where a parameter is missing or malformed. The issuer is checked first:
    another issuer must not end this sign-in with an error of its own.
    """
    if answer.iss is not None and answer.iss != issuer:
        raise TokenRejected("claim_mismatch", claim="iss parameter", expected=issuer)
    if answer.error is not None:
        code = answer.error if answer.error in ERRORS else "unknown_error"
        description = _clean_text(answer.error_description or "")
        raise OAuthError(code, description, told=_clean_text(answer.error), from_browser=True)
    if answer.iss is None and demand_issuer:
        raise TokenRejected("claim_missing", claim="iss parameter")
    if answer.code is None:
        raise AttemptError("parameter_missing", parameter="code")
    if not _VISIBLE_ASCII.match(answer.code):
        raise AttemptError("malformed_parameter", parameter="code")
    if demand_id_token and answer.id_token is None:
        raise AttemptError("parameter_missing", parameter="id_token")
    return answer.code


def _clean_text(text: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown[:MAX_DESCRIPTION_CHARACTERS]
