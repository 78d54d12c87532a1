"""The base classes that this app takes from mozilla-django-oidc.

Their settings come from ERPNET_INSTANCEID. Their own token checks and session handling are
unsafe here, so calling them raises NotUsed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from mozilla_django_oidc.auth import OIDCAuthenticationBackend
from mozilla_django_oidc.views import (
    OIDCAuthenticationCallbackView,
    OIDCAuthenticationRequestView,
    OIDCLogoutView,
)

from .conf import conf, redirect_field_name
from .oidc.provider import Metadata


class NotUsed(NotImplementedError):
    """A method of mozilla-django-oidc was called that this app replaces with a safe way."""


def oidc_setting(name: str, *default: Any) -> Any:
    """The value of a setting of mozilla-django-oidc, taken from ERPNET_INSTANCEID.

    Raises ImproperlyConfigured for an unknown OIDC name without a default. A name without OIDC is
    a setting of Django's.
    """
    if name in _ANSWERS:
        return _ANSWERS[name]()
    if not name.startswith("OIDC_"):
        return getattr(settings, name, *default)
    if default:
        return default[0]
    raise ImproperlyConfigured(f"{name} is not a setting of erpnet_instanceid.")


def _metadata() -> Metadata:
    return conf.client.provider.metadata()


_ANSWERS: dict[str, Callable[[], Any]] = {
    "OIDC_RP_CLIENT_ID": lambda: conf.application_uri,
    "OIDC_RP_CLIENT_SECRET": lambda: conf.application_secret,
    "OIDC_RP_SCOPES": lambda: conf.scope,
    "OIDC_RP_SIGN_ALGO": lambda: conf.signing_algorithms[0],
    "OIDC_CREATE_USER": lambda: conf.create_users,
    "OIDC_OP_AUTHORIZATION_ENDPOINT": lambda: _metadata().authorization_endpoint,
    "OIDC_OP_TOKEN_ENDPOINT": lambda: _metadata().token_endpoint,
    "OIDC_OP_USER_ENDPOINT": lambda: _metadata().userinfo_endpoint,
    "OIDC_OP_JWKS_ENDPOINT": lambda: _metadata().jwks_uri,
    "OIDC_OP_LOGOUT_ENDPOINT": lambda: _metadata().end_session_endpoint,
    "OIDC_AUTHENTICATION_CALLBACK_URL": lambda: "erpnet_instanceid:signin_callback",
    "OIDC_REDIRECT_FIELD_NAME": redirect_field_name,
    "OIDC_STORE_ACCESS_TOKEN": lambda: False,
    "OIDC_STORE_ID_TOKEN": lambda: False,
    "OIDC_USE_NONCE": lambda: True,
    "OIDC_USE_PKCE": lambda: True,
    "OIDC_PKCE_CODE_CHALLENGE_METHOD": lambda: "S256",
    "OIDC_VERIFY_SSL": lambda: True,
    "OIDC_TIMEOUT": lambda: conf.deadline,
    "ALLOW_LOGOUT_GET_METHOD": lambda: False,
}


def _not_used(name: str, instead: str) -> Callable[..., Any]:
    def refuse(self: object, *_args: Any, **_kwargs: Any) -> Any:
        raise NotUsed(
            f"{type(self).__name__}.{name}() is mozilla-django-oidc's own and is not safe here: "
            f"{instead}"
        )

    return refuse


_TOKENS_ARE_CHECKED = (
    "the callback checks every token before authenticate() runs. "
    "Override verify_claims() to refuse a visitor."
)
_KEYS_ARE_KEPT = "the app fetches and keeps the instance's keys, and checks signatures with them."
_CODE_IS_REDEEMED = "the callback redeems the code, once."
_TOKENS_ARE_STORED = (
    "the app stores the tokens, sealed. Read them with erpnet_instanceid.session.get_tokens()."
)
_CALLBACK_SIGNS_IN = (
    "the callback signs the visitor in and stores the tokens. "
    "Receive the signal signed_in to do more."
)


# Methods of the backend that a site may have overridden for mozilla-django-oidc. This app never
# calls them.
NEVER_CALLED = (
    "verify_token",
    "get_payload_data",
    "_verify_jws",
    "retrieve_matching_jwk",
    "get_token",
    "store_tokens",
)


class AuthenticationBackend(OIDCAuthenticationBackend):  # type: ignore[misc]
    """mozilla-django-oidc's backend, without its token checks and session handling."""

    def __init__(self) -> None:
        # Not the base's: it reads seven settings, and Django makes several backends per request.
        self.UserModel: Any = get_user_model()

    get_settings = staticmethod(oidc_setting)
    verify_token = _not_used("verify_token", _TOKENS_ARE_CHECKED)
    get_payload_data = _not_used("get_payload_data", _TOKENS_ARE_CHECKED)
    _verify_jws = _not_used("_verify_jws", _KEYS_ARE_KEPT)
    retrieve_matching_jwk = _not_used("retrieve_matching_jwk", _KEYS_ARE_KEPT)
    get_token = _not_used("get_token", _CODE_IS_REDEEMED)
    raise_token_response_error = _not_used("raise_token_response_error", _CODE_IS_REDEEMED)
    store_tokens = _not_used("store_tokens", _TOKENS_ARE_STORED)


class SignInRequestView(OIDCAuthenticationRequestView):  # type: ignore[misc]
    """mozilla-django-oidc's view that starts a sign-in."""

    def __init__(self, **kwargs: Any) -> None:
        # Not the base's: it reads two settings for every request.
        for name, value in kwargs.items():
            setattr(self, name, value)

    get_settings = staticmethod(oidc_setting)


class CallbackView(OIDCAuthenticationCallbackView):  # type: ignore[misc]
    """mozilla-django-oidc's view for the answer, without its way to sign the visitor in."""

    get_settings = staticmethod(oidc_setting)
    login_success = _not_used("login_success", _CALLBACK_SIGNS_IN)
    login_failure = _not_used("login_failure", "the callback shows a page that says what failed.")


class LogoutView(OIDCLogoutView):  # type: ignore[misc]
    """mozilla-django-oidc's view that signs a visitor out."""

    get_settings = staticmethod(oidc_setting)
