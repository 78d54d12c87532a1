"""The instance's tokens, claim by claim as the instance writes them."""

from __future__ import annotations

import secrets
from typing import Any

from joserfc import jwt

from .applications import Application
from .ledger import RefreshToken, Session
from .state import World

BACKCHANNEL_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


def header(world: World, typ: str = "JWT") -> dict[str, Any]:
    return {"alg": "RS256", "kid": world.keys.current.kid, "typ": typ}


def id_token_claims(world: World, application: Application) -> dict[str, Any]:
    return {**_protocol_claims(world, world.id_token_lifetime), "aud": application.uri}


def session_claims(session: Session) -> dict[str, Any]:
    return {
        "sub": session.sub,
        "auth_time": session.auth_time,
        "idp": "local",
        "amr": ["pwd"],
        "sid": session.sid,
    }


def access_token(
    world: World, application: Application, session: Session | None, scope: str
) -> str:
    """A person's token if there is a session, else one for the application's service user."""
    claims = {
        **_protocol_claims(world, world.access_token_lifetime),
        "aud": ["DomainAPI", "TableAPI", "OLAP", "AppServer", f"{world.issuer}/resources"],
        "client_id": application.uri,
        "jti": secrets.token_hex(16).upper(),
        "db": world.database,
        "scope": scope.split(),
    }
    if session:
        claims |= {**session_claims(session), **session.person.claims()}
    compact = _sign(world, "access_token", header(world, "at+jwt"), claims)
    if compact.count(".") != 2:
        world.reference_tokens[compact] = claims
    return compact


def refresh_token(world: World, application: Application, session: Session, scope: str) -> str:
    """A new refresh token; the ledger knows it."""
    token = str(world.changes.apply("refresh_token", secrets.token_hex(32).upper()))
    expires_at = world.now() + world.refresh_token_lifetime
    world.ledger.add_refresh_token(
        RefreshToken(token, application.uri, scope, session, expires_at, session.auth_time)
    )
    return token


def logout_token(
    world: World, application: Application, sub: str | None = None, sid: str | None = None
) -> str:
    """Back-Channel Logout 1.0 section 2.4."""
    claims = {
        **_protocol_claims(world, world.id_token_lifetime),
        "aud": application.uri,
        "jti": secrets.token_hex(16).upper(),
        "events": {BACKCHANNEL_LOGOUT_EVENT: {}},
    }
    if sub is not None:
        claims["sub"] = sub
    if sid is not None:
        claims["sid"] = sid
    return _sign(world, "logout_token", header(world, "logout+jwt"), claims)


def finish(world: World, target: str, compact: str) -> str:
    """The token as it is sent: changed and signed again if a test asked for a change."""
    return world.changes.apply_to_token(target, compact, world.keys.current)


def _protocol_claims(world: World, lifetime: float) -> dict[str, Any]:
    now = world.now()
    issued = int(now)
    # A short life counts from the fraction of the second; whole seconds would lose half of it.
    expires = issued + int(lifetime) if lifetime >= 60 else round(now + lifetime, 3)
    return {"iss": world.issuer, "nbf": issued, "iat": issued, "exp": expires}


def _sign(world: World, target: str, header: dict[str, Any], claims: dict[str, Any]) -> str:
    return finish(world, target, jwt.encode(header, claims, world.keys.current, ["RS256"]))
