"""The authorization server and its authorize endpoint."""

from __future__ import annotations

from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.flask_oauth2.requests import FlaskOAuth2Payload
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AccessDeniedError, OAuth2Request
from flask import Response, request

from ..world.encoding import encode_json
from ..world.endings import end_session
from ..world.ledger import Session
from ..world.people import Person
from ..world.state import World
from .grants import (
    CodeGrant,
    CodeIdToken,
    HybridGrant,
    Pkce,
    RefreshedIdToken,
    RefreshGrant,
    Revocation,
    ServiceGrant,
    TokenGenerator,
)
from .pages import answer_authorization, message_page, request_fields, sign_in_page


class _Request(OAuth2Request):  # type: ignore[misc]
    """Flask's request for Authlib.

    Its URL is always https: Authlib refuses plain http, which a demo in containers uses.
    """

    def __init__(self) -> None:
        super().__init__(request.method, "https://instance/", headers=request.headers)
        self.payload = FlaskOAuth2Payload(request)

    @property
    def args(self) -> Any:
        return request.args

    @property
    def form(self) -> Any:
        return request.form


class Server(AuthorizationServer):  # type: ignore[misc]
    def __init__(self, world: World) -> None:
        super().__init__(query_client=world.applications.get, save_token=_saved_already)
        self.world = world
        self.register_token_generator("default", TokenGenerator(world))
        pkce = Pkce(world)
        self.register_grant(HybridGrant, [pkce])
        self.register_grant(CodeGrant, [pkce, CodeIdToken(world)])
        self.register_grant(RefreshGrant, [RefreshedIdToken(world)])
        self.register_grant(ServiceGrant)
        self.register_endpoint(Revocation)

    def create_oauth2_request(self, _request: object) -> _Request:
        return _Request()

    def handle_response(self, status_code: int, payload: Any, headers: Any) -> Response:
        if isinstance(payload, dict):
            payload = encode_json(payload)
            headers = [pair for pair in headers if pair[0].lower() != "content-type"]
            headers.append(("Content-Type", "application/json; charset=UTF-8"))
        return Response(payload, status=status_code, headers=headers)


def _saved_already(token: object, request: object) -> None:
    """Does nothing: the ledger has the refresh token, and access tokens are not stored."""


def authorize(world: World, server: Server, session: Session | None) -> Response:
    """Answer at once if the browser has a usable session, else show the sign-in page."""
    session = _usable(world, session)
    fields = request_fields()
    grant, failed = _validated(world, server, session)
    if failed is not None:
        return failed
    if session:
        return _grant(world, server, grant, session)
    if world.auto_sign_in:
        return sign_in(world, server, world.auto_sign_in, None)
    return sign_in_page(world, fields, request.values.get("login_hint", ""))


def sign_in(world: World, server: Server, login: str, earlier: Session | None) -> Response:
    """Answer the button that a person pressed on the sign-in page. Cancel is an empty login."""
    person = world.people.get(login)
    grant, failed = _validated(world, server, earlier)
    if failed is not None:
        return failed
    if person is None or not _may_sign_in(grant, person):
        return _answer_error(world, _denied())
    if earlier and earlier.sub != person.login:
        world.notices.send_soon(end_session(world, earlier))
        earlier = None
    session = world.ledger.open_session(person, int(world.now()), earlier)
    response = _grant(world, server, grant, session)
    response.set_cookie(
        world.cookie_name,
        session.key,
        path="/id",
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
    )
    return response


def _usable(world: World, session: Session | None) -> Session | None:
    """The session, or None if the request asks the person to sign in again."""
    if session is None or not session.person.is_active:
        return None
    prompts = request.values.get("prompt", "").split()
    if "login" in prompts or "select_account" in prompts:
        return None
    max_age = request.values.get("max_age", "")
    if max_age.isdigit() and world.now() - session.auth_time > int(max_age):
        return None
    return session


def _validated(
    world: World, server: Server, session: Session | None
) -> tuple[Any, Response | None]:
    """Authlib's grant for the request, or the error answer."""
    try:
        return server.get_consent_grant(end_user=session), None
    except OAuth2Error as error:
        return None, _answer_error(world, error)
    except ValueError:
        # Authlib quotes parameters in its error text, and fails on odd characters in them.
        malformed = OAuth2Error(error="invalid_request", description="Malformed parameter")
        return None, _answer_error(world, malformed)


def _grant(world: World, server: Server, grant: Any, session: Session) -> Response:
    if not _may_sign_in(grant, session.person):
        return _answer_error(world, _denied())
    response: Response = server.create_authorization_response(grant_user=session, grant=grant)
    return response


def _may_sign_in(grant: Any, person: Person) -> bool:
    return person.is_active and bool(grant.request.client.may_sign_in(person.user_type))


def _denied() -> OAuth2Error:
    return AccessDeniedError(
        redirect_uri=request.values.get("redirect_uri"), state=request.values.get("state")
    )


def _asked() -> str:
    client_id = request.values.get("client_id", "")
    redirect_uri = request.values.get("redirect_uri", "")
    return (
        f"The site calls itself {client_id!r}, and its callback is {redirect_uri!r}. Compare them "
        "with the stand-in's options --application-uri and --login-url."
    )


def _answer_error(world: World, error: Any) -> Response:
    """Send the error to the site, or show it if there is no valid redirect URI.

    RFC 6749 section 4.1.2.1.
    """
    if not error.redirect_uri:
        return message_page(
            "This request cannot be answered",
            f"{error.get_error_description()} {_asked()}",
            code=error.error,
            status=400,
        )
    is_hybrid = "id_token" in request.values.get("response_type", "")
    mode = request.values.get("response_mode") or ("fragment" if is_hybrid else "query")
    return answer_authorization(world, error.redirect_uri, error.get_body(), mode)
