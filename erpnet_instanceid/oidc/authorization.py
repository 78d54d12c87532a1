"""The authorization request, and the answer that the visitor's browser brings back."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from .errors import AttemptError, OAuthError, TokenRejected
from .jose import encode_base64url

ANSWER_PARAMETERS = ("state", "code", "id_token", "error", "error_description", "iss")
MAX_DESCRIPTION_CHARACTERS = 200
MAX_HINT_CHARACTERS = 256

_VISIBLE_ASCII = re.compile(r"[\x20-\x7e]+\Z")
# RFC 6749 4.1.2.1 allows more; the registered error codes are words.
_ERROR_CODE = re.compile(r"[a-z0-9_.:/-]{1,64}\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Secrets:
    """What is made anew for every sign-in. Core 3.1.2.1, RFC 7636 4.1."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)


def new_secrets(randomness: Callable[[int], bytes] = secrets.token_bytes) -> Secrets:
    """State and nonce of 256 bits each, and a code verifier of 64 characters."""
    return Secrets(
        state=encode_base64url(randomness(32)),
        nonce=encode_base64url(randomness(32)),
        code_verifier=encode_base64url(randomness(48)),
    )


def code_challenge(code_verifier: str) -> str:
    """The S256 challenge. RFC 7636 4.2."""
    return encode_base64url(hashlib.sha256(code_verifier.encode("ascii")).digest())


def with_parameters(endpoint: str, parameters: Mapping[str, str | None]) -> str:
    """``endpoint`` with the parameters that have a value, its own query kept. RFC 6749 3.1."""
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"


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
) -> str:
    """Where to send the browser. Core 3.3.2.1, RFC 7636 4.3; PKCE is never left out."""
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
        },
    )


@dataclass(frozen=True)
class AuthorizationAnswer:
    """The answer's parameters; what is absent or empty is None. RFC 6749 3.1."""

    state: str | None = field(default=None, repr=False)
    code: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    error: str | None = None
    error_description: str | None = None
    iss: str | None = None


def read_answer(pairs: Iterable[tuple[str, str]]) -> AuthorizationAnswer:
    """The parameters of the answer; others are ignored.

    Raises AttemptError where one stands twice: which of them counts would be a guess.
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
    """The code in the answer. Raises OAuthError, TokenRejected or AttemptError.

    RFC 6749 4.1.2.1, RFC 9207 2.4, Core 3.3.2.5. An error answer that names a foreign issuer is
    rejected as that: nobody else has a say in this sign-in.
    """
    if answer.iss is not None and answer.iss != issuer:
        raise TokenRejected("claim_mismatch", claim="iss parameter", expected=issuer)
    if answer.error is not None:
        raise OAuthError(_clean_error(answer.error), _clean_text(answer.error_description or ""))
    if answer.iss is None and demand_issuer:
        raise TokenRejected("claim_missing", claim="iss parameter")
    if answer.code is None:
        raise AttemptError("parameter_missing", parameter="code")
    if not _VISIBLE_ASCII.match(answer.code):
        raise AttemptError("malformed_parameter", parameter="code")
    if demand_id_token and answer.id_token is None:
        raise AttemptError("parameter_missing", parameter="id_token")
    return answer.code


def _clean_error(error: str) -> str:
    return error if _ERROR_CODE.match(error) else "unknown_error"


def _clean_text(text: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown[:MAX_DESCRIPTION_CHARACTERS]
