"""The instance's sessions, codes and refresh tokens."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field

from authlib.oauth2.rfc6749 import TokenMixin
from authlib.oidc.core import AuthorizationCodeMixin

from .applications import Application
from .people import Person


@dataclass(eq=False)
class Session:
    """A browser's session at the instance. `key` is its cookie, `sid` its name in tokens.

    `sub` is the login at the time of sign-in. A renamed login shows in the next session.
    """

    person: Person
    auth_time: int
    sub: str
    sid: str = field(default_factory=lambda: secrets.token_hex(16).upper())
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    application_uris: set[str] = field(default_factory=set)


@dataclass(eq=False)
class AuthorizationCode(AuthorizationCodeMixin):  # type: ignore[misc]
    code: str = field(repr=False)
    application_uri: str
    redirect_uri: str
    scope: str
    nonce: str | None
    state: str | None
    code_challenge: str | None
    code_challenge_method: str | None
    session: Session
    expires_at: float
    auth_time: int

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return self.auth_time


@dataclass(eq=False)
class RefreshToken(TokenMixin):  # type: ignore[misc]
    token: str = field(repr=False)
    application_uri: str
    scope: str
    session: Session
    expires_at: float
    auth_time: int

    def check_client(self, client: Application) -> bool:
        return self.application_uri == client.uri

    def get_scope(self) -> str:
        return self.scope


class Ledger:
    """Sessions, codes and refresh tokens. Each step is atomic, so a race has one winner."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._codes: dict[str, AuthorizationCode] = {}
        self._refresh_tokens: dict[str, RefreshToken] = {}

    def open_session(self, person: Person, auth_time: int, earlier: Session | None) -> Session:
        """The session of a person who has just signed in.

        If the same person signs in again, the session stays, and its licence too.
        """
        with self._lock:
            if earlier and earlier.key in self._sessions and earlier.sub == person.login:
                earlier.auth_time = auth_time
                return earlier
            session = Session(person, auth_time, person.login)
            self._sessions[session.key] = session
            return session

    def session(self, key: str | None) -> Session | None:
        return self._sessions.get(key or "")

    def session_of_sid(self, sid: object) -> Session | None:
        with self._lock:
            return next((s for s in self._sessions.values() if s.sid == sid), None)

    def sessions_of(self, login: str) -> list[Session]:
        with self._lock:
            return [s for s in self._sessions.values() if login in {s.sub, s.person.login}]

    def end_session(self, session: Session) -> bool:
        """End a session with its codes and refresh tokens. Returns whether it was open."""
        with self._lock:
            was_open = self._sessions.pop(session.key, None) is not None
            self._codes = {k: c for k, c in self._codes.items() if c.session is not session}
            self._refresh_tokens = {
                k: t for k, t in self._refresh_tokens.items() if t.session is not session
            }
            return was_open

    def add_code(self, code: AuthorizationCode) -> None:
        with self._lock:
            code.session.application_uris.add(code.application_uri)
            self._codes[code.code] = code

    def take_code(self, code: str) -> AuthorizationCode | None:
        """The code's record, once: any request with a code spends it, valid or not."""
        with self._lock:
            return self._codes.pop(code, None)

    def add_refresh_token(self, token: RefreshToken) -> None:
        with self._lock:
            if token.session.key in self._sessions:
                self._refresh_tokens[token.token] = token

    def take_refresh_token(self, token: str) -> RefreshToken | None:
        """The token's record, once: using a refresh token ends it."""
        with self._lock:
            return self._refresh_tokens.pop(token, None)

    def find_refresh_token(self, token: str) -> RefreshToken | None:
        return self._refresh_tokens.get(token)

    def revoke_refresh_tokens(self, login: str) -> int:
        """End the person's refresh tokens. Returns how many there were."""
        with self._lock:
            doomed = [
                k
                for k, t in self._refresh_tokens.items()
                if login in {t.session.sub, t.session.person.login}
            ]
            for key in doomed:
                del self._refresh_tokens[key]
            return len(doomed)

    def open_refresh_tokens(self) -> int:
        return len(self._refresh_tokens)
