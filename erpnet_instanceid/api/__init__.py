"""The instance's APIs: as the visitor, as the service, and for a visitor who is not there."""

from __future__ import annotations

from django.http import HttpRequest

from . import session
from .api_session import InstanceSession, open_session
from .models import SignIn
from .oidc.errors import SignInExpired
from .refresh import Renewed, renew
from .service import OwnTokens
from .session import Held


def user_api(request: HttpRequest) -> InstanceSession:
    """A `requests.Session` that calls the instance as the visitor of ``request``.

    ``user_api(request).get("/api/domain/odata/Crm_Sales_Customers", params={"$top": 10})``. A
    token that has expired is renewed, once per call. In an async view use ``arequest``. Raises
    SignInExpired where the visitor has no sign-in at the instance, or it has ended.
    """
    return open_session(VisitorTokens(request))


def service_api() -> InstanceSession:
    """A `requests.Session` that calls the instance as the application itself.

    Its Trusted Application needs SystemUserAllowed and a SystemUser; SERVICE_SCOPE says what for.
    """
    return open_session(OwnTokens())


def sign_in_api(sign_in: SignIn) -> InstanceSession:
    """A `requests.Session` that calls the instance as whom this sign-in is of, without a request.

    For work that goes on after the response. The visitor's own requests take the tokens that it
    renews, and it takes theirs. Also ``sign_in.api()``. Raises SignInExpired when it has ended.
    """
    return open_session(SignInTokens(sign_in))


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


# The model is below this module, and is not to know of it.
SignIn.add_to_class("api", sign_in_api)
