"""Calls the APIs of the instance: as the visitor, as the application, or for an absent visitor."""

from __future__ import annotations

from django.http import HttpRequest

from .. import errors as exceptions
from ..errors import *  # noqa: F403 - a site may import every exception from here as well
from ..models import SignIn
from .service import OwnTokens
from .session import InstanceSession, open_session
from .sources import SignInTokens, VisitorTokens

__all__ = ["InstanceSession", "service_api", "sign_in_api", "user_api"]
__all__ += exceptions.__all__


def user_api(request: HttpRequest) -> InstanceSession:
    """A `requests.Session` that calls the instance as the visitor of ``request``.

    ``user_api(request).get("/api/domain/odata/Crm_Sales_Customers", params={"$top": 10})``. The
    session renews an expired token, once per call. An async view uses ``arequest``. Raises
    SignInExpired if the visitor has no sign-in at the instance, or if it has ended.
    """
    return open_session(VisitorTokens(request))


def service_api() -> InstanceSession:
    """A `requests.Session` that calls the instance as the application itself.

    The Trusted Application needs SystemUserAllowed and a SystemUser. The setting SERVICE_SCOPE
    names the scopes of the token.
    """
    return open_session(OwnTokens())


def sign_in_api(sign_in: SignIn) -> InstanceSession:
    """A `requests.Session` that calls the instance as the person of ``sign_in``.

    For work that goes on after the response, without a request. It shares renewed tokens with the
    visitor's own requests. ``sign_in.api()`` does the same. Raises SignInExpired if the sign-in
    has ended.
    """
    return open_session(SignInTokens(sign_in))
