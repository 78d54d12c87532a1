"""Sign-out at the instance, and the notices it sends to applications."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import requests
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oidc.rpinitiated import EndSessionEndpoint, EndSessionRequest
from flask import Response, redirect, request
from joserfc import jwt
from joserfc.errors import JoseError

from ..world.ledger import Session
from .pages import message_page, request_fields

if TYPE_CHECKING:
    from ..instance import Instance
    from ..world.applications import Application
    from .authorization import Server


@dataclass(frozen=True)
class Notice:
    """One back-channel logout notice and how the application answered (None: not at all)."""

    url: str
    logout_token: str = field(repr=False)
    status: int | None
    headers: dict[str, str] = field(default_factory=dict, repr=False)


class EndSession(EndSessionEndpoint):  # type: ignore[misc]
    def _validate_id_token_hint(self, id_token_hint: str) -> dict[str, Any]:
        # Only the signature: a hint is mostly expired, and the instance's clock may be set apart.
        instance: Instance = self.server.instance
        try:
            claims = jwt.decode(id_token_hint, instance.keys.known, ["RS256"]).claims
        except (JoseError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise InvalidRequestError("The id_token_hint is not valid") from error
        if claims.get("iss") != instance.issuer:
            raise InvalidRequestError("The id_token_hint is not from this instance")
        return dict(claims)

    def end_session(self, end_session_request: EndSessionRequest) -> None:
        """The view ends it, because it also has the cookie."""


def end_session(instance: Instance, server: Server, session: Session | None) -> Response:
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
    hinted = instance.ledger.session_of_sid((asked.id_token_claims or {}).get("sid"))
    ended = hinted or (session if asked.needs_confirmation else None)
    frames: list[str] = []
    if ended:
        frames = _front_channel(instance, ended)
        instance.end_session(ended)
    if asked.redirect_uri and not frames:
        response: Response = redirect(asked.redirect_uri)  # type: ignore[assignment]
    else:
        response = message_page(
            "You are signed out", frames=frames, onward=asked.redirect_uri or ""
        )
    if session is None or session is ended:
        response.delete_cookie(instance.cookie_name, path="/id")
    return response


def _applications(instance: Instance, session: Session) -> list[Application]:
    known = (instance.applications.get(uri) for uri in sorted(session.application_uris))
    return [application for application in known if application]


def _front_channel(instance: Instance, session: Session) -> list[str]:
    """Where the browser tells applications. Front-Channel Logout 1.0 section 2."""
    query = urlencode({"iss": instance.issuer, "sid": session.sid})
    urls = [application.frontchannel_url for application in _applications(instance, session)]
    return [f"{url}{'&' if '?' in url else '?'}{query}" for url in urls if url]


class Notices:
    """Back-channel logout: tells every application of a session that it ended."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._lock = threading.Lock()
        self._sent: list[Notice] = []
        self._threads: list[threading.Thread] = []

    @property
    def sent(self) -> list[Notice]:
        with self._lock:
            return list(self._sent)

    def send(self, session: Session) -> list[Notice]:
        """Tell them now; the answers."""
        sent = []
        for application in _applications(self._instance, session):
            if application.backchannel_url:
                token = self._instance.tokens.logout_token(application, session.sub, session.sid)
                sent.append(deliver(application.backchannel_url, token))
        with self._lock:
            self._sent += sent
        return sent

    def send_soon(self, session: Session) -> None:
        """Tell them beside the browser's own way back: they may be busy answering it."""
        if not any(a.backchannel_url for a in _applications(self._instance, session)):
            return
        thread = threading.Thread(target=self.send, args=(session,), daemon=True)
        with self._lock:
            self._threads = [t for t in self._threads if t.is_alive()]
            self._threads.append(thread)
        thread.start()

    def wait(self, timeout: float = 10) -> list[Notice]:
        """All notices, once those under way have been answered."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(timeout)
        return self.sent


def deliver(url: str, logout_token: str) -> Notice:
    """POST a logout token the way an instance does. Back-Channel Logout 1.0 section 2.5."""
    with requests.Session() as http:
        http.trust_env = False
        try:
            answer = http.post(
                url, data={"logout_token": logout_token}, timeout=5, allow_redirects=False
            )
        except requests.RequestException:
            return Notice(url, logout_token, None)
        return Notice(url, logout_token, answer.status_code, dict(answer.headers))
