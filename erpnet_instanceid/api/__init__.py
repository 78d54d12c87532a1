"""The instance's APIs: as the visitor, as the service, and for a visitor who is not there."""

from __future__ import annotations

from django.http import HttpRequest

from ..models import SignIn
from .service import OwnTokens
from .session import InstanceSession, open_session
from .sources import SignInTokens, VisitorTokens


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


# The model is below this module, and is not to know of it.
SignIn.add_to_class("api", sign_in_api)
