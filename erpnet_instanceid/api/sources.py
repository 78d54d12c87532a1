"""Where an API session gets its access token from: a request's session, a sign-in's row, a call."""

from __future__ import annotations

import time

from django.http import HttpRequest

from ..models import SignIn
from ..oidc.errors import InstanceUnavailable, SignInExpired
from ..tokens import attention
from ..tokens.entry import SessionEntry, own_entry, store_newer
from ..tokens.lease import has_active_user
from ..tokens.refresh import Renewed
from ..tokens.renewal import renew


class VisitorTokens:
    """The tokens on the session of one request, renewed through the sign-in's row."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._sealed: str | None = None
        self._token: str | None = None

    def current(self) -> str:
        """The access token of now. Raises SignInExpired or InstanceUnavailable."""
        entry, token = self._entry()
        return token if not entry.has_expired() else self._renewed(entry) or token

    def newer_than(self, refused: str) -> str | None:
        """An access token other than the ``refused`` one, None if the sign-in has no other."""
        entry, token = self._entry()
        return token if token != refused else self._renewed(entry, was_refused=True)

    def _entry(self) -> tuple[SessionEntry, str]:
        entry = own_entry(self._request.session, self._request.user)
        if entry is None:
            raise SignInExpired("not_signed_in")
        # Opening the seal takes as long as everything else that a call does here.
        if entry.access_token != self._sealed:
            self._sealed, self._token = entry.access_token, entry.opened_token()
        if self._token is None:
            raise SignInExpired("not_signed_in")
        return entry, self._token

    def _renewed(self, entry: SessionEntry, *, was_refused: bool = False) -> str | None:
        if attention.was_just_renewed(self._request):
            return None
        attention.raise_if_just_failed(self._request)
        try:
            renewed = renew(entry.sign_in, entry.generation, wait=True, was_refused=was_refused)
        except InstanceUnavailable as error:
            attention.note_failure(self._request, error)
            raise
        if renewed is None:
            return None
        if renewed.by_this_call:
            attention.note_renewal(self._request)
        store_newer(self._request.session, entry, renewed.generation, renewed.tokens)
        return renewed.tokens.access_token


class SignInTokens:
    """The tokens of a sign-in's row."""

    def __init__(self, sign_in: SignIn) -> None:
        tokens = sign_in.token_set()
        if sign_in.ended is not None or tokens is None:
            raise SignInExpired("sign_in_ended", sign_in=str(sign_in.pk))
        if not has_active_user(sign_in):
            raise SignInExpired("user_deactivated", sign_in=str(sign_in.pk))
        self._pk = sign_in.pk
        self._newest = Renewed(sign_in.generation, tokens)

    def current(self) -> str:
        """The access token of now. Raises SignInExpired or InstanceUnavailable."""
        if self._newest.tokens.has_expired(time.time()):
            self._renew()
        return self._newest.tokens.access_token

    def newer_than(self, refused: str) -> str | None:
        """An access token other than the ``refused`` one, None if the sign-in has no other."""
        if self._newest.tokens.access_token == refused:
            self._renew(was_refused=True)
        token = self._newest.tokens.access_token
        return token if token != refused else None

    def _renew(self, *, was_refused: bool = False) -> None:
        seen = self._newest
        self._newest = renew(self._pk, seen.generation, wait=True, was_refused=was_refused) or seen


class OneToken:
    """A token that is never renewed."""

    def __init__(self, token: str) -> None:
        self._token = token

    def current(self) -> str:
        return self._token

    def newer_than(self, refused: str) -> str | None:
        return None
