"""The settings: one dict in the site's settings, one property here for each key, read live."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver

from .oidc.client import Client
from .oidc.http import Limits
from .oidc.provider import Provider
from .once import once

SETTING = "ERPNET_INSTANCEID"

DEFAULTS: Mapping[str, Any] = {
    "INSTANCE_URL": None,
    "APPLICATION_URI": None,
    "APPLICATION_SECRET": None,
    "ISSUER": None,
    "SCOPE": "openid profile offline_access read",
    "RESPONSE_TYPE": "code id_token",
    "RESPONSE_MODE": None,
    "CALLBACK_URL": None,
    "POST_LOGOUT_URL": None,
    "ALLOWED_USER_TYPES": ["InternalUser"],
    "ADMIN_FLAGS": ["is_staff", "is_superuser"],
    "USER_TYPE_GROUPS": {},
    "CREATE_USERS": True,
    "LINK_USERS_BY": None,
    "REFRESH_MARGIN": 300,
    "CLOCK_SKEW": 60,
    "CONNECT_TIMEOUT": 3.05,
    "DEADLINE": 10,
    "SIGN_IN_LIFETIME": 900,
    "SIGNING_ALGORITHMS": ["RS256"],
    "API_MAX_BYTES": 5 * 1024 * 1024,
    "SERVICE_SCOPE": None,
}
REQUIRED = ("INSTANCE_URL", "APPLICATION_URI", "APPLICATION_SECRET")
PROTOCOL_SCOPES = frozenset({"openid", "profile", "email", "offline_access"})
INTERNAL_USER_TYPE = "InternalUser"
EXTERNAL_USER_TYPE = "ExternalCommunityUser"
NEVER_ALLOWED_USER_TYPE = "SystemUserNoLogin"


class Conf:
    """The settings as values. A change, ``override_settings`` included, counts at once."""

    def raw(self) -> Mapping[str, Any]:
        """The site's dict as it stands; empty where there is none."""
        value = getattr(settings, SETTING, None)
        return value if isinstance(value, Mapping) else {}

    def get(self, key: str) -> Any:
        value = self.raw().get(key)
        return DEFAULTS[key] if value is None else value

    def _required(self, key: str) -> str:
        value = self.raw().get(key)
        if not isinstance(value, str) or not value:
            raise ImproperlyConfigured(f'Set {SETTING}["{key}"] in your settings.')
        return value

    @property
    def instance_url(self) -> str:
        return self._required("INSTANCE_URL").rstrip("/")

    @property
    def instance_host(self) -> str:
        return urlsplit(self.instance_url).hostname or ""

    @property
    def issuer(self) -> str:
        return str(self.get("ISSUER") or f"{self.instance_url}/id")

    @property
    def application_uri(self) -> str:
        return self._required("APPLICATION_URI")

    @property
    def application_secret(self) -> str:
        return self._required("APPLICATION_SECRET")

    @property
    def scope(self) -> str:
        return str(self.get("SCOPE"))

    @property
    def service_scope(self) -> str:
        """As set; else the scopes of SCOPE that are of the instance's APIs."""
        return self._optional("SERVICE_SCOPE") or self.api_scope

    @property
    def api_scope(self) -> str:
        return " ".join(scope for scope in self.scope.split() if scope not in PROTOCOL_SCOPES)

    @property
    def response_type(self) -> str:
        return str(self.get("RESPONSE_TYPE"))

    @property
    def response_mode(self) -> str:
        """As set; else ``query`` for the code flow, which allows it, and ``form_post``."""
        default = "query" if self.response_type == "code" else "form_post"
        return str(self.get("RESPONSE_MODE") or default)

    @property
    def callback_url(self) -> str | None:
        return self._optional("CALLBACK_URL")

    @property
    def post_logout_url(self) -> str | None:
        return self._optional("POST_LOGOUT_URL")

    @property
    def allowed_user_types(self) -> frozenset[str]:
        return frozenset(self.get("ALLOWED_USER_TYPES")) - {NEVER_ALLOWED_USER_TYPE}

    @property
    def admin_flags(self) -> Sequence[str]:
        return tuple(self.get("ADMIN_FLAGS"))

    @property
    def user_type_groups(self) -> Mapping[str, Sequence[str]]:
        return self.get("USER_TYPE_GROUPS")  # type: ignore[no-any-return]

    @property
    def create_users(self) -> bool:
        return bool(self.get("CREATE_USERS"))

    @property
    def link_users_by(self) -> str | None:
        return self._optional("LINK_USERS_BY")

    @property
    def refresh_margin(self) -> float:
        """Seconds."""
        return float(self.get("REFRESH_MARGIN"))

    @property
    def deadline(self) -> float:
        """Seconds that one exchange with the instance may take."""
        return float(self.get("DEADLINE"))

    @property
    def sign_in_lifetime(self) -> int:
        """Seconds."""
        return int(self.get("SIGN_IN_LIFETIME"))

    @property
    def api_max_bytes(self) -> int:
        return int(self.get("API_MAX_BYTES"))

    @property
    def limits(self) -> Limits:
        return Limits(connect=float(self.get("CONNECT_TIMEOUT")), deadline=self.deadline)

    @property
    def client(self) -> Client:
        """Who this site is to the instance. Raises ImproperlyConfigured."""
        limits = self.limits
        return Client(
            provider=_provider(self.issuer, limits),
            limits=limits,
            client_id=self.application_uri,
            client_secret=self.application_secret,
            algorithms=tuple(self.get("SIGNING_ALGORITHMS")),
            skew=float(self.get("CLOCK_SKEW")),
        )

    def _optional(self, key: str) -> str | None:
        value = self.get(key)
        return None if value is None else str(value)


conf = Conf()


@once(inherited=True)
def _provider(issuer: str, limits: Limits) -> Provider:
    # One for the life of the process, so that metadata and keys are fetched once.
    return Provider(issuer, limits)


@receiver(setting_changed)
def _forget_provider(*, setting: str, **_kwargs: Any) -> None:
    # Only tests change settings; what one has learnt of its instance is not for the next.
    if setting == SETTING:
        _provider.forget()


def oidc_setting(name: str, *default: Any) -> Any:
    """What mozilla-django-oidc's classes ask of the settings, answered from the one dict."""
    answers: dict[str, Callable[[], Any]] = {
        "OIDC_RP_CLIENT_ID": lambda: conf.application_uri,
        "OIDC_RP_CLIENT_SECRET": lambda: conf.application_secret,
        "OIDC_RP_SCOPES": lambda: conf.scope,
        "OIDC_RP_SIGN_ALGO": lambda: conf.get("SIGNING_ALGORITHMS")[0],
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
    if name in answers:
        return answers[name]()
    if name.startswith("OIDC_"):
        if default:
            return default[0]
        raise ImproperlyConfigured(f"{name} is not a setting of erpnet_instanceid.")
    return getattr(settings, name, *default)


def _metadata() -> Any:
    return conf.client.provider.metadata()


def redirect_field_name() -> str:
    """The parameter that carries the page to come back to, as Django's own views name it."""
    return str(getattr(settings, "REDIRECT_FIELD_NAME", REDIRECT_FIELD_NAME))
