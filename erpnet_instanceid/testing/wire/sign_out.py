"""Sign-out in the browser. OpenID Connect RP-Initiated and Front-Channel Logout 1.0."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oidc.rpinitiated import EndSessionEndpoint, EndSessionRequest
from flask import Response, redirect, request
from joserfc import jwt
from joserfc.errors import JoseError

from ..world.endings import applications_of
from ..world.endings import end_session as close_session
from ..world.ledger import Session
from ..world.state import World
from .authorization import Server
from .pages import message_page, request_fields


class EndSession(EndSessionEndpoint):  # type: ignore[misc]
    def _validate_id_token_hint(self, id_token_hint: str) -> dict[str, Any]:
        # Check only the signature: most hints have expired.
        world: World = self.server.world
        try:
            claims = jwt.decode(id_token_hint, world.keys.known, ["RS256"]).claims
        except (JoseError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise InvalidRequestError("The id_token_hint is not valid") from error
        if claims.get("iss") != world.issuer:
            raise InvalidRequestError("The id_token_hint is not from this instance")
        return dict(claims)

    def end_session(self, end_session_request: EndSessionRequest) -> None:
        """Does nothing: the view below ends the session, because it also has the cookie."""


def end_session(world: World, server: Server, session: Session | None) -> Response:
    """RP-initiated logout. Without a valid hint the person is asked first."""
    try:
        asked = server.validate_endpoint_request("end_session")
    except OAuth2Error as error:
        return message_page(
            "This request cannot be answered",
            error.get_error_description(),
            code=error.error,
            status=400,
        )
    if asked.needs_confirmation and request.form.get("confirm") != "yes":
        return message_page("Sign out?", confirm=request_fields())
    hinted = world.ledger.session_of_sid((asked.id_token_claims or {}).get("sid"))
    ended = hinted or (session if asked.needs_confirmation else None)
    frames: list[str] = []
    if ended:
        frames = _front_channel(world, ended)
        world.notices.send_soon(close_session(world, ended))
    if asked.redirect_uri and not frames:
        response: Response = redirect(asked.redirect_uri)  # type: ignore[assignment]
    else:
        response = message_page(
            "You are signed out", frames=frames, onward=asked.redirect_uri or ""
        )
    if session is None or session is ended:
        response.delete_cookie(world.cookie_name, path="/id")
    return response


def _front_channel(world: World, session: Session) -> list[str]:
    """The URLs for the page's iframes. Front-Channel Logout 1.0 section 2."""
    query = urlencode({"iss": world.issuer, "sid": session.sid})
    urls = [application.frontchannel_url for application in applications_of(world, session)]
    return [f"{url}{'&' if '?' in url else '?'}{query}" for url in urls if url]
