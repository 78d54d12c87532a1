"""Checks access tokens as an API does."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response
from joserfc import jwt
from joserfc.errors import JoseError

from ..world.state import World


class TokenRefusedError(Exception):
    """The token is not valid; the message says why."""

    def response(self) -> Response:
        """401 with the challenge. RFC 6750 section 3."""
        response = make_response("", 401)
        response.headers["WWW-Authenticate"] = (
            f'Bearer error="invalid_token", error_description="{self}"'
        )
        return response


def bearer_claims(world: World, authorization: str | None) -> dict[str, Any]:
    """The claims of the token in an Authorization header. Raises TokenRefusedError.

    RFC 6750 section 2.1, RFC 9068 section 4.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenRefusedError("no bearer token")
    if token in world.reference_tokens:
        claims = world.reference_tokens[token]
    else:
        try:
            decoded = jwt.decode(token, world.keys.published, ["RS256"])
        except (JoseError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise TokenRefusedError("not signed by this instance") from error
        if decoded.header.get("typ") != "at+jwt":
            raise TokenRefusedError("not an access token")
        claims = dict(decoded.claims)
    _check(world, claims)
    return claims


def session_holder(claims: dict[str, Any]) -> str:
    """The name of the API session that a token uses: the sign-in's, or a service token's own."""
    return str(claims.get("sid") or claims.get("jti"))


def _check(world: World, claims: dict[str, Any]) -> None:
    expires = claims.get("exp")
    if claims.get("iss") != world.issuer:
        raise TokenRefusedError("foreign issuer")
    if not isinstance(expires, (int, float)) or expires <= world.now():
        raise TokenRefusedError("expired")
    if claims.get("client_id") not in world.applications:
        raise TokenRefusedError("unknown application")
