"""The instance's OAuth grants, built on Authlib's."""

from __future__ import annotations

from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import ClientCredentialsGrant, InvalidRequestError, InvalidScopeError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode, OpenIDHybridGrant, OpenIDToken
from authlib.oidc.core.grants.util import create_half_hash
from joserfc.jwk import RSAKey

from ..world import tokens
from ..world.applications import IDENTITY_SCOPES, Application
from ..world.ledger import AuthorizationCode, RefreshToken, Session
from ..world.state import World
from .pages import answer_authorization

Answer = tuple[int, bytes, list[tuple[str, str]]]

SUPPORTED_RESPONSE_MODES = {
    "code": {"query", "form_post", "fragment"},
    "code id_token": {"form_post", "fragment"},
}


def half_hash(value: str) -> str:
    """`c_hash`, `at_hash` or `s_hash` of a value. OpenID Connect Core 3.3.2.11."""
    return str(create_half_hash(value, "RS256").decode())


class _FrontChannel:
    """Shared by both authorization grants."""

    request: Any
    server: Any
    RESPONSE_MODE = "query"

    @staticmethod
    def validate_authorization_redirect_uri(request: Any, client: Application) -> str:
        redirect_uri: str = request.payload.redirect_uri or ""
        if not client.check_redirect_uri(redirect_uri):
            raise OAuth2Error(
                error="invalid_redirect_uri",
                description="The redirect URI is not an ImpersonateLoginUrl of the application.",
            )
        mode = request.payload.data.get("response_mode")
        if mode and mode not in SUPPORTED_RESPONSE_MODES.get(request.payload.response_type, ()):
            raise InvalidRequestError("Unsupported response_mode")
        return redirect_uri

    def exists_nonce(self, nonce: str, request: Any) -> bool:
        return False

    def generate_authorization_code(self) -> str:
        code = super().generate_authorization_code()  # type: ignore[misc]
        return str(self.server.world.changes.apply("code", code))

    def save_authorization_code(self, code: str, request: Any) -> None:
        world: World = self.server.world
        asked = request.payload.data
        world.ledger.add_code(
            AuthorizationCode(
                code=code,
                application_uri=request.client.uri,
                redirect_uri=request.payload.redirect_uri,
                scope=request.scope,
                nonce=asked.get("nonce"),
                state=asked.get("state"),
                code_challenge=asked.get("code_challenge"),
                code_challenge_method=asked.get("code_challenge_method"),
                session=request.user,
                expires_at=world.now() + world.code_lifetime,
                auth_time=request.user.auth_time,
            )
        )

    def answer(self, redirect_uri: str, params: list[tuple[str, str]]) -> Answer:
        state = self.request.payload.state
        if state:
            params = [*params, ("state", state)]
        mode = self.request.payload.data.get("response_mode", self.RESPONSE_MODE)
        response = answer_authorization(self.server.world, redirect_uri, params, mode)
        return response.status_code, response.get_data(), list(response.headers)


class CodeGrant(_FrontChannel, AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_post"]

    def create_authorization_response(self, redirect_uri: str, grant_user: Session) -> Answer:
        self.request.user = grant_user
        code = self.generate_authorization_code()
        self.save_authorization_code(code, self.request)
        return self.answer(redirect_uri, [("code", code)])

    def query_authorization_code(self, code: str, client: Application) -> AuthorizationCode | None:
        world: World = self.server.world
        found = world.ledger.take_code(code)
        if not found or found.application_uri != client.uri or found.expires_at < world.now():
            return None
        return found

    def delete_authorization_code(self, authorization_code: AuthorizationCode) -> None:
        """Does nothing: `query_authorization_code` has removed it."""

    def authenticate_user(self, authorization_code: AuthorizationCode) -> Session | None:
        session = authorization_code.session
        return session if session.person.is_active else None


class HybridGrant(_FrontChannel, OpenIDHybridGrant):  # type: ignore[misc]
    RESPONSE_TYPES = {"code id_token"}
    RESPONSE_MODE = "fragment"
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_post"]

    def create_authorization_response(self, redirect_uri: str, grant_user: Session) -> Answer:
        params = self.create_granted_params(grant_user)
        # The instance sends no access token here, so it sends no lifetime either.
        return self.answer(redirect_uri, [pair for pair in params if pair[0] != "expires_in"])

    def generate_user_info(self, session: Session, scope: str) -> dict[str, Any]:
        claims = tokens.session_claims(session)
        if state := self.request.payload.state:
            claims["s_hash"] = half_hash(state)
        return claims

    def get_client_claims(self, client: Application) -> dict[str, Any]:
        world: World = self.server.world
        return tokens.id_token_claims(world, client)

    def get_encode_header(self, client: Application) -> dict[str, Any]:
        world: World = self.server.world
        return tokens.header(world)

    def resolve_client_private_key(self, client: Application) -> RSAKey:
        world: World = self.server.world
        return world.keys.current

    def process_implicit_token(
        self, token: dict[str, Any], code: str | None = None
    ) -> dict[str, Any]:
        token = super().process_implicit_token(token, code)
        token["id_token"] = tokens.finish(self.server.world, "front_id_token", token["id_token"])
        return token


class RefreshGrant(RefreshTokenGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_post"]
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshToken | None:
        world: World = self.server.world
        found = world.ledger.take_refresh_token(refresh_token)
        return found if found and found.expires_at > world.now() else None

    def authenticate_user(self, refresh_token: RefreshToken) -> Session | None:
        session = refresh_token.session
        return session if session.person.is_active else None

    def revoke_old_credential(self, refresh_token: RefreshToken) -> None:
        """Does nothing: `authenticate_refresh_token` has removed it."""


class ServiceGrant(ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_post"]

    def validate_requested_scope(self) -> None:
        asked = set((self.request.payload.scope or "").split())
        if asked & IDENTITY_SCOPES:
            raise InvalidScopeError()


class Pkce(CodeChallenge):  # type: ignore[misc]
    """PKCE with S256 only. `Instance.pkce` says how strictly."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]

    def __init__(self, world: World) -> None:
        super().__init__(required=False)
        self._world = world

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        asked = grant.request.payload.data
        if asked.get("code_challenge") and asked.get("code_challenge_method") != "S256":
            raise InvalidRequestError("Unsupported 'code_challenge_method'")
        if self._world.pkce == "required" and not asked.get("code_challenge"):
            raise InvalidRequestError("Missing 'code_challenge'")
        super().validate_code_challenge(grant, redirect_uri)

    def validate_code_verifier(self, grant: Any, result: object) -> None:
        if self._world.pkce != "ignored":
            super().validate_code_verifier(grant, result)


class _IdToken:
    """The ID token that comes with an access token, for Authlib's code and refresh grants."""

    target = "id_token"
    world: World

    def generate_user_info(self, session: Session, scope: str) -> dict[str, Any]:
        claims = tokens.session_claims(session)
        # Code and refresh token have their own: the person may have signed in again since.
        del claims["auth_time"]
        return claims

    def get_client_claims(self, client: Application) -> dict[str, Any]:
        return tokens.id_token_claims(self.world, client)

    def get_encode_header(self, client: Application) -> dict[str, Any]:
        return tokens.header(self.world)

    def resolve_client_private_key(self, client: Application) -> RSAKey:
        return self.world.keys.current

    def encode_id_token(self, token: dict[str, Any], request: Any) -> str:
        compact = super().encode_id_token(token, request)  # type: ignore[misc]
        spent = request.authorization_code or request.refresh_token
        given = self.world.ledger.find_refresh_token(token.get("refresh_token", ""))
        if given is not None:
            given.auth_time = spent.auth_time
        return tokens.finish(self.world, self.target, compact)


class CodeIdToken(_IdToken, OpenIDCode):  # type: ignore[misc]
    def __init__(self, world: World) -> None:
        super().__init__(require_nonce=False)
        self.world = world

    def exists_nonce(self, nonce: str, request: Any) -> bool:
        return False

    def get_authorization_code_claims(self, authorization_code: AuthorizationCode) -> Any:
        claims = super().get_authorization_code_claims(authorization_code)
        if authorization_code.state:
            claims["s_hash"] = half_hash(authorization_code.state)
        return claims


class RefreshedIdToken(_IdToken, OpenIDToken):  # type: ignore[misc]
    target = "refreshed_id_token"

    def __init__(self, world: World) -> None:
        self.world = world

    def get_compatible_claims(self, request: Any) -> dict[str, Any]:
        claims = super().get_compatible_claims(request)
        return {**claims, "auth_time": request.refresh_token.auth_time}


class TokenGenerator(BearerTokenGenerator):  # type: ignore[misc]
    """Makes access tokens, and refresh tokens if the scope has `offline_access`."""

    def __init__(self, world: World) -> None:
        super().__init__(self._access_token, self._refresh_token, self._expires_in)
        self._world = world

    def generate(
        self,
        grant_type: str,
        client: Application,
        user: Session | None = None,
        scope: str | None = None,
        expires_in: float | None = None,
        include_refresh_token: bool = True,
    ) -> Any:
        offline = include_refresh_token and "offline_access" in (scope or "").split()
        return super().generate(grant_type, client, user, scope, expires_in, offline)

    def _access_token(
        self, client: Application, grant_type: str, user: Session | None, scope: str
    ) -> str:
        # The hybrid grant asks for an access token and does not send it.
        if grant_type == "implicit":
            return ""
        return tokens.access_token(self._world, client, user, scope)

    def _refresh_token(
        self, client: Application, grant_type: str, user: Session, scope: str
    ) -> str:
        return tokens.refresh_token(self._world, client, user, scope)

    def _expires_in(self, client: Application, grant_type: str) -> float:
        lifetime = self._world.access_token_lifetime
        return int(lifetime) if lifetime == int(lifetime) else lifetime


class Revocation(RevocationEndpoint):  # type: ignore[misc]
    CLIENT_AUTH_METHODS = ["client_secret_post"]

    def query_token(self, token_string: str, token_type_hint: str | None) -> RefreshToken | None:
        world: World = self.server.world
        return world.ledger.find_refresh_token(token_string)

    def revoke_token(self, token: RefreshToken, request: Any) -> None:
        self.server.world.ledger.take_refresh_token(token.token)
