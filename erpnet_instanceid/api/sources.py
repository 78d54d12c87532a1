"""Where an API session gets its token from: a request's session, or a sign-in's row."""

from __future__ import annotations

from django.http import HttpRequest

from ..models import SignIn
from ..oidc.errors import SignInExpired
from ..tokens import held as session
from ..tokens.held import Held
from ..tokens.refresh import Renewed, renew


class VisitorTokens:
    """The tokens on the session of one request, renewed through the sign-in's row."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._sealed: str | None = None
        self._token: str | None = None

    def current(self) -> str:
        held, token = self._held()
        if session.seconds_left(held) > 0:
            return token
        return self._renewed(held) or token

    def newer_than(self, refused: str) -> str | None:
        held, token = self._held()
        return token if token != refused else self._renewed(held, was_refused=True)

    def _held(self) -> tuple[Held, str]:
        held = session.held(self._request.session)
        # Somebody who has been deactivated still has a session.
        if held is None or not self._request.user.is_authenticated:
            raise SignInExpired("not_signed_in")
        # To open it takes as long as the rest of what a call takes here.
        if held["access_token"] != self._sealed:
            self._sealed, self._token = held["access_token"], session.access_token(held)
        if self._token is None:
            raise SignInExpired("not_signed_in")
        return held, self._token

    def _renewed(self, held: Held, *, was_refused: bool = False) -> str | None:
        if session.was_just_renewed(self._request):
            return None
        renewed = renew(held["sign_in"], held["generation"], wait=True, was_refused=was_refused)
        if renewed is None:
            return None
        if renewed.by_this_call:
            session.note_renewal(self._request)
        session.hold_newer(self._request.session, held, renewed.generation, renewed.tokens)
        return renewed.tokens.access_token


class SignInTokens:
    """The tokens of a sign-in's row."""

    def __init__(self, sign_in: SignIn) -> None:
        tokens = session.unseal_tokens(sign_in)
        if sign_in.ended is not None or tokens is None:
            raise SignInExpired("sign_in_ended", sign_in=str(sign_in.pk))
        self._pk = sign_in.pk
        self._newest = Renewed(sign_in.generation, tokens)

    def current(self) -> str:
        if session.has_ended(self._newest.tokens):
            self._renew()
        return self._newest.tokens.access_token

    def newer_than(self, refused: str) -> str | None:
        if self._newest.tokens.access_token == refused:
            self._renew(was_refused=True)
        token = self._newest.tokens.access_token
        return token if token != refused else None

    def _renew(self, *, was_refused: bool = False) -> None:
        seen = self._newest
        self._newest = renew(self._pk, seen.generation, wait=True, was_refused=was_refused) or seen
