"""The instance's JWTs, claim by claim as the instance writes them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from joserfc import jwt

from .applications import Application
from .ledger import Session

if TYPE_CHECKING:
    from ..instance import Instance

BACKCHANNEL_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Tokens:
    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def header(self, typ: str = "JWT") -> dict[str, Any]:
        return {"alg": "RS256", "kid": self._instance.keys.current.kid, "typ": typ}

    def protocol_claims(self, lifetime: float) -> dict[str, Any]:
        now = self._instance.now()
        issued = int(now)
        # Short lives are counted from the fraction of the second, or half of them would be lost.
        expires = issued + int(lifetime) if lifetime >= 60 else round(now + lifetime, 3)
        return {"iss": self._instance.issuer, "nbf": issued, "iat": issued, "exp": expires}

    def id_token_claims(self, application: Application) -> dict[str, Any]:
        return {
            **self.protocol_claims(self._instance.id_token_lifetime),
            "aud": application.uri,
        }

    def session_claims(self, session: Session) -> dict[str, Any]:
        return {
            "sub": session.sub,
            "auth_time": session.auth_time,
            "idp": "local",
            "amr": ["pwd"],
            "sid": session.sid,
        }

    def access_token(self, application: Application, session: Session | None, scope: str) -> str:
        """For a person if there is a session, else for the application's service user."""
        claims = {
            **self.protocol_claims(self._instance.access_token_lifetime),
            "aud": [
                "DomainAPI",
                "TableAPI",
                "OLAP",
                "AppServer",
                f"{self._instance.issuer}/resources",
            ],
            "client_id": application.uri,
            "jti": secrets.token_hex(16).upper(),
            "db": self._instance.database,
            "scope": scope.split(),
        }
        if session:
            claims |= {**self.session_claims(session), **session.person.claims()}
        compact = self._sign("access_token", self.header("at+jwt"), claims)
        if compact.count(".") != 2:
            self._instance.reference_tokens[compact] = claims
        return compact

    def logout_token(
        self, application: Application, sub: str | None = None, sid: str | None = None
    ) -> str:
        claims = {
            **self.protocol_claims(self._instance.id_token_lifetime),
            "aud": application.uri,
            "jti": secrets.token_hex(16).upper(),
            "events": {BACKCHANNEL_LOGOUT_EVENT: {}},
        }
        if sub is not None:
            claims["sub"] = sub
        if sid is not None:
            claims["sid"] = sid
        return self._sign("logout_token", self.header("logout+jwt"), claims)

    def _sign(self, target: str, header: dict[str, Any], claims: dict[str, Any]) -> str:
        key = self._instance.keys.current
        return self.finish(target, jwt.encode(header, claims, key, ["RS256"]))

    def finish(self, target: str, compact: str) -> str:
        """The token as it goes out: changed and signed again if a test asked for that."""
        instance = self._instance
        return instance.changes.apply_to_token(target, compact, instance.keys.current)
