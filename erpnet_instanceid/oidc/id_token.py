"""ID tokens and logout tokens: the checks, one by one.

Times are Unix seconds. A check returns None, or raises TokenRejected with the name of the claim
and the value that was expected.
"""

from __future__ import annotations

import hashlib
import hmac
import sys
from collections.abc import Mapping
from typing import Any, Final

from .client import Client
from .errors import TokenRejected
from .jose import SignedToken, encode_base64url, read_token

Claims = Mapping[str, Any]

MAX_SUBJECT_CHARACTERS = 255
MAX_SID_CHARACTERS = 255
MAX_AGE_SECONDS = 3600.0
# An ID token from a refresh has just been issued; this is what the exchange may have taken.
REFRESHED_AGE_SECONDS = 60.0
# The claims that a refreshed ID token may not change.
ORIGINAL_CLAIMS = ("nonce", "auth_time", "azp")
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"

ID_TOKEN_TYPES = frozenset({"", "jwt"})
# IdentityServer4 writes at+jwt on its logout tokens. Their claim `events` tells them apart.
LOGOUT_TOKEN_TYPES = frozenset(
    {"", "jwt", "logout+jwt", "application/logout+jwt", "at+jwt", "application/at+jwt"}
)


class _Skipped:
    def __repr__(self) -> str:
        return "NO_NONCE"


NO_NONCE: Final = _Skipped()
"""For an ID token that comes with a refresh: the instance need not repeat the nonce. Core 12.2."""


def check_front_id_token(
    raw: str, *, client: Client, nonce: str, code: str, state: str, max_age: int | None, now: float
) -> Claims:
    """The claims of the ID token in the authorization answer. Core 3.3.2.12.

    Its ``c_hash`` must fit the code beside it: otherwise somebody could put their own code there.
    """
    token = _verify_id_token(raw, client=client, nonce=nonce, max_age=max_age, now=now)
    if "c_hash" not in token.claims:
        raise TokenRejected("claim_missing", claim="c_hash")
    _check_hash(token, "c_hash", code)
    _check_hash(token, "s_hash", state)
    return token.claims


def check_id_token(
    raw: str,
    *,
    client: Client,
    nonce: str | _Skipped,
    now: float,
    access_token: str | None = None,
    max_age: int | None = None,
) -> Claims:
    """The claims of an ID token. Core 3.1.3.7, 3.1.3.8.

    Raises TokenRejected, and InstanceUnavailable or InvalidResponse where keys cannot be had.
    """
    token = _verify_id_token(raw, client=client, nonce=nonce, max_age=max_age, now=now)
    if access_token is not None:
        _check_hash(token, "at_hash", access_token)
    return token.claims


def check_refreshed_id_token(
    raw: str, *, client: Client, original: Claims | None, access_token: str, now: float
) -> Claims:
    """The claims of an ID token that came with a refresh. Core 12.2, but for ``sub``.

    ``original`` are the claims of the ID token that the sign-in brought; None where they are not
    known. Raises as `check_id_token` does.
    """
    claims = check_id_token(raw, client=client, nonce=NO_NONCE, access_token=access_token, now=now)
    _check_issued_at(claims, now=now, skew=client.skew, max_age=REFRESHED_AGE_SECONDS)
    if original is not None:
        _check_as_in_original(claims, original)
    return claims


def _verify_id_token(
    raw: str, *, client: Client, nonce: str | _Skipped, max_age: int | None, now: float
) -> SignedToken:
    token = client.provider.verify(raw, algorithms=client.algorithms, types=ID_TOKEN_TYPES)
    claims = token.claims
    _check_issuer(claims, client)
    _check_audience(claims, client)
    _check_authorized_party(claims, client)
    _check_subject(claims)
    check_times(claims, now=now, skew=client.skew)
    _check_issued_at(claims, now=now, skew=client.skew)
    _check_is_no_logout_token(claims)
    if not isinstance(nonce, _Skipped):
        _check_nonce(claims, nonce)
    if max_age is not None:
        _check_authentication_time(claims, max_age, now=now, skew=client.skew)
    return token


def check_same_sign_in(front: Claims, back: Claims) -> None:
    """Raises TokenRejected unless both ID tokens are from one sign-in. Core 3.3.3.6."""
    # No need to compare `iss`: each token was checked against the same issuer.
    if front["sub"] != back["sub"]:
        raise TokenRejected("tokens_disagree", claim="sub")
    for name in ("sid", "auth_time"):
        if name in front and name in back and front[name] != back[name]:
            raise TokenRejected("tokens_disagree", claim=name)


def read_stored_id_token(raw: str, *, client: Client) -> Claims | None:
    """The claims of an ID token that was checked before it was stored; None where unreadable."""
    try:
        return read_token(raw, algorithms=client.algorithms, types=ID_TOKEN_TYPES).claims
    except TokenRejected:
        return None


def original_claims(claims: Claims) -> dict[str, Any]:
    """The claims that a check compares each refreshed ID token with. Core 12.2."""
    return {name: claims[name] for name in ORIGINAL_CLAIMS if name in claims}


def check_logout_token(raw: str, *, client: Client, now: float) -> Claims:
    """The claims of a logout token. OpenID Connect Back-Channel Logout 2.6."""
    claims = client.provider.verify(
        raw, algorithms=client.algorithms, types=LOGOUT_TOKEN_TYPES
    ).claims
    _check_issuer(claims, client)
    _check_audience(claims, client)
    check_times(claims, now=now, skew=client.skew)
    _check_issued_at(claims, now=now, skew=client.skew)
    if not isinstance(claims.get("jti"), str) or not claims["jti"]:
        raise TokenRejected("claim_missing", claim="jti")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise TokenRejected("claim_mismatch", claim="events", expected=LOGOUT_EVENT)
    if "nonce" in claims:
        raise TokenRejected("claim_forbidden", claim="nonce")
    if "sub" in claims:
        _check_subject(claims)
    if "sid" in claims and session_id(claims) is None:
        raise TokenRejected("malformed_claim", claim="sid")
    if "sub" not in claims and "sid" not in claims:
        raise TokenRejected("claim_missing", claim="sub or sid")
    return claims


def session_id(claims: Claims) -> str | None:
    """The ``sid``, or None where it is missing, or cannot be stored and looked up again."""
    sid = claims.get("sid")
    if not isinstance(sid, str) or not 0 < len(sid) <= MAX_SID_CHARACTERS or not sid.isprintable():
        return None
    return sid


def authentication_time(claims: Claims) -> int:
    """When the person last proved their identity, in Unix seconds; 0 without ``auth_time``."""
    try:
        return int(read_time(claims, "auth_time"))
    except TokenRejected:
        return 0


def check_times(claims: Claims, *, now: float, skew: float) -> None:
    """``exp`` is in the future, ``nbf`` is not. RFC 7519 4.1.4, 4.1.5."""
    if read_time(claims, "exp") + skew <= now:
        raise TokenRejected("token_expired", claim="exp", late=round(now - claims["exp"]))
    if "nbf" in claims and read_time(claims, "nbf") - skew > now:
        raise TokenRejected("token_not_yet_valid", claim="nbf", early=round(claims["nbf"] - now))


def read_time(claims: Claims, name: str) -> float:
    """The claim as a time in Unix seconds. RFC 7519 2: a JSON number, no string and no ``true``."""
    value = claims.get(name)
    if value is None:
        raise TokenRejected("claim_missing", claim=name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenRejected("malformed_claim", claim=name)
    # The comparison works for an int of any length, where float() and isfinite() overflow.
    if not abs(value) <= sys.float_info.max:
        raise TokenRejected("malformed_claim", claim=name)
    return float(value)


def is_subject(value: object) -> bool:
    """Whether ``value`` may be a ``sub``. Core 2: a string of at most 255 characters."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= MAX_SUBJECT_CHARACTERS
        and value.isprintable()
        and not value.isspace()
    )


def _check_issuer(claims: Claims, client: Client) -> None:
    if claims.get("iss") != client.issuer:
        raise TokenRejected("claim_mismatch", claim="iss", expected=client.issuer)


def _check_audience(claims: Claims, client: Client) -> None:
    # Core 3.1.3.7 rejects audiences that the client does not trust. We trust no other.
    if claims.get("aud") not in (client.client_id, [client.client_id]):
        raise TokenRejected("claim_mismatch", claim="aud", expected=client.client_id)


def _check_authorized_party(claims: Claims, client: Client) -> None:
    if "azp" in claims and claims["azp"] != client.client_id:
        raise TokenRejected("claim_mismatch", claim="azp", expected=client.client_id)


def _check_subject(claims: Claims) -> None:
    if not is_subject(claims.get("sub")):
        raise TokenRejected("malformed_claim", claim="sub")


def _check_issued_at(
    claims: Claims, *, now: float, skew: float, max_age: float = MAX_AGE_SECONDS
) -> None:
    issued_at = read_time(claims, "iat")
    if issued_at - skew > now:
        raise TokenRejected("token_not_yet_valid", claim="iat", early=round(issued_at - now))
    if issued_at + max_age + skew < now:
        raise TokenRejected("token_expired", claim="iat", late=round(now - issued_at))


def _check_is_no_logout_token(claims: Claims) -> None:
    if "events" in claims:
        raise TokenRejected("claim_forbidden", claim="events")


def _check_nonce(claims: Claims, nonce: str) -> None:
    actual = claims.get("nonce")
    if not isinstance(actual, str) or not hmac.compare_digest(
        actual.encode("utf-8", "surrogatepass"), nonce.encode()
    ):
        raise TokenRejected("claim_mismatch", claim="nonce")


def _check_as_in_original(claims: Claims, original: Claims) -> None:
    if "nonce" in claims and claims["nonce"] != original.get("nonce"):
        raise TokenRejected("claim_mismatch", claim="nonce")
    authenticated_at = original.get("auth_time")
    if (
        authenticated_at is not None
        and claims.get("auth_time", authenticated_at) != authenticated_at
    ):
        raise TokenRejected("claim_mismatch", claim="auth_time", expected=authenticated_at)
    # Core 12.2 lets the instance leave out the two above, and neither add nor leave out `azp`.
    if claims.get("azp") != original.get("azp"):
        raise TokenRejected("claim_mismatch", claim="azp", expected=original.get("azp"))


def _check_hash(token: SignedToken, name: str, value: str) -> None:
    # Core 3.1.3.6, 3.3.2.11: the hash is the one in the name of the token's own algorithm.
    if name in token.claims and token.claims[name] != half_hash(value, token.algorithm):
        raise TokenRejected("claim_mismatch", claim=name)


def half_hash(value: str, algorithm: str) -> str:
    """The left half of the hash of ``value``, in base64url. Core 3.1.3.6."""
    digest = hashlib.new(f"sha{algorithm[-3:]}", value.encode("utf-8", "surrogatepass")).digest()
    return encode_base64url(digest[: len(digest) // 2])


def _check_authentication_time(claims: Claims, max_age: int, *, now: float, skew: float) -> None:
    authenticated_at = read_time(claims, "auth_time")
    if authenticated_at - skew > now:
        raise TokenRejected("malformed_claim", claim="auth_time")
    if authenticated_at + max_age + skew < now:
        raise TokenRejected("authentication_too_old", claim="auth_time", max_age=max_age)
