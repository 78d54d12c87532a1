"""Claims about the visitor that the ID token leaves out: from the access token, from userinfo."""

from __future__ import annotations

import logging

from . import http
from .client import Client
from .errors import InstanceIDError, InvalidResponse, TokenRejected
from .id_token import Claims, check_times, is_subject

logger = logging.getLogger("erpnet_instanceid")

ACCESS_TOKEN_TYPES = frozenset({"at+jwt", "application/at+jwt", "jwt", ""})


def access_token_claims(raw: str, *, client: Client, subject: str, now: float) -> Claims:
    """The claims of an access token that the issuer gave us for ``subject``; ``{}`` where a check
    fails.

    RFC 6749 1.4 calls an access token opaque to the client. This issuer's are JWTs (RFC 9068 4)
    with claims that its ID tokens leave out. A sign-in works without them, so a token that fails
    a check is logged and not raised.
    """
    if raw.count(".") != 2:
        return {}
    try:
        claims = client.provider.verify(
            raw, algorithms=client.algorithms, types=ACCESS_TOKEN_TYPES
        ).claims
        _check_is_ours(claims, client, subject)
        check_times(claims, now=now, skew=client.skew)
    except InstanceIDError as error:
        logger.warning("access_token_not_relied_on error=%s", error)
        return {}
    return claims


def _check_is_ours(claims: Claims, client: Client, subject: str) -> None:
    for name, expected in (
        ("iss", client.issuer),
        ("client_id", client.client_id),
        ("sub", subject),
    ):
        if claims.get(name) != expected:
            raise TokenRejected("claim_mismatch", claim=name)


def userinfo_claims(access_token: str, *, client: Client, subject: str) -> Claims:
    """The claims that userinfo gives for ``subject``; ``{}`` where the instance offers no userinfo.

    Core 5.3. Raises InstanceUnavailable, InvalidResponse where the answer is not a JSON object,
    and TokenRejected where its ``sub`` is another person's (5.3.2).
    """
    endpoint = client.provider.metadata().userinfo_endpoint
    if endpoint is None:
        return {}
    answer = http.exchange(
        "GET",
        endpoint,
        limits=client.limits,
        headers={"Authorization": f"Bearer {access_token}"},
    )
    answer.check_available()
    if answer.status != 200:
        raise InvalidResponse("unexpected_status", url=answer.url, status=answer.status)
    claims = answer.json_object()
    if not is_subject(claims.get("sub")) or claims["sub"] != subject:
        raise TokenRejected("claim_mismatch", url=answer.url, claim="sub")
    return claims
