"""What an access token allows, checked like any API would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, make_response
from joserfc import jwt
from joserfc.errors import JoseError

if TYPE_CHECKING:
    from ..instance import Instance


class TokenRefusedError(Exception):
    """The API answers 401 and says why."""

    def response(self) -> Response:
        """The challenge. RFC 6750 section 3."""
        response = make_response("", 401)
        response.headers["WWW-Authenticate"] = (
            f'Bearer error="invalid_token", error_description="{self}"'
        )
        return response


def bearer_claims(instance: Instance, authorization: str | None) -> dict[str, Any]:
    """The claims behind an Authorization header. RFC 6750 section 2.1, RFC 9068 section 4."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenRefusedError("no bearer token")
    if token in instance.reference_tokens:
        claims = instance.reference_tokens[token]
    else:
        try:
            decoded = jwt.decode(token, instance.keys.published, ["RS256"])
        except (JoseError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise TokenRefusedError("not signed by this instance") from error
        if decoded.header.get("typ") != "at+jwt":
            raise TokenRefusedError("not an access token")
        claims = dict(decoded.claims)
    _check(instance, claims)
    return claims


def _check(instance: Instance, claims: dict[str, Any]) -> None:
    expires = claims.get("exp")
    if claims.get("iss") != instance.issuer:
        raise TokenRefusedError("foreign issuer")
    if not isinstance(expires, (int, float)) or expires <= instance.now():
        raise TokenRefusedError("expired")
    if claims.get("client_id") not in instance.applications:
        raise TokenRefusedError("unknown application")
