"""The settings: one typed property for each key of ERPNET_INSTANCEID, read at each use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    "LINK_KEEPS_PASSWORD": False,
    "RIGHTS_FROM": "token",
    "REFRESH_MARGIN": 300,
    "CLOCK_SKEW": 60,
    "CONNECT_TIMEOUT": 3.05,
    "DEADLINE": 10,
    "SIGN_IN_LIFETIME": 900,
    "SIGNING_ALGORITHMS": ["RS256"],
    "API_MAX_BYTES": 5 * 1024 * 1024,
    "LANGUAGE_FROM_TOKEN": False,
    "API_CONCURRENCY": 1,
    "API_PER_MINUTE": 600,
    "SERVICE_SCOPE": None,
    "FRAMED_BY": [],
    "SITE_NAME": None,
}
REQUIRED = ("INSTANCE_URL", "APPLICATION_URI", "APPLICATION_SECRET")
PROTOCOL_SCOPES = frozenset({"openid", "profile", "email", "offline_access"})
INTERNAL_USER_TYPE = "InternalUser"
EXTERNAL_USER_TYPE = "ExternalCommunityUser"
# Five user types end in this, such as SystemUserNoLogin: nobody signs in as one of them.
NO_LOGIN = "NoLogin"


def setting_name(key: str) -> str:
    """The key as messages name it."""
    return f'{SETTING}["{key}"]'


class Conf:
    """The settings as values.

    Nothing is kept: a changed setting counts at the next use. A missing required key raises
    ImproperlyConfigured.
    """

    def raw(self) -> Mapping[str, Any]:
        """The site's dict as it is written; empty where the site has none."""
        value = getattr(settings, SETTING, None)
        # Most sites write a dict, and asking for one is quicker than asking for a Mapping.
        return value if isinstance(value, (dict, Mapping)) else {}

    def get(self, key: str) -> Any:
        """The value as it is written, unchecked; the default where it is missing or None."""
        value = self.raw().get(key)
        return DEFAULTS[key] if value is None else value

    @property
    def instance_url(self) -> str:
        return self._required("INSTANCE_URL").rstrip("/")

    @property
    def application_uri(self) -> str:
        return self._required("APPLICATION_URI")

    @property
    def application_secret(self) -> str:
        return self._required("APPLICATION_SECRET")

    @property
    def issuer(self) -> str:
        return str(self.get("ISSUER") or f"{self.instance_url}/id")

    @property
    def scope(self) -> str:
        return str(self.get("SCOPE"))

    @property
    def response_type(self) -> str:
        return str(self.get("RESPONSE_TYPE"))

    @property
    def response_mode(self) -> str:
        """As set; else ``query`` for the code flow, and ``form_post`` for the hybrid flow."""
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
        names = self.get("ALLOWED_USER_TYPES")
        return frozenset(name for name in names if not name.endswith(NO_LOGIN))

    @property
    def admin_flags(self) -> Sequence[str]:
        return tuple(self.get("ADMIN_FLAGS"))

    @property
    def user_type_groups(self) -> Mapping[str, Sequence[str]]:
        groups: Mapping[str, Sequence[str]] = self.get("USER_TYPE_GROUPS")
        return groups

    @property
    def framed_by(self) -> Sequence[str]:
        """The origins whose pages may show this site in a frame."""
        return tuple(self.get("FRAMED_BY"))

    @property
    def site_name(self) -> str | None:
        """As set, for the visitors' eyes; translated where it is lazy."""
        return self._optional("SITE_NAME")

    @property
    def create_users(self) -> bool:
        return bool(self.get("CREATE_USERS"))

    @property
    def link_users_by(self) -> str | None:
        return self._optional("LINK_USERS_BY")

    @property
    def link_keeps_password(self) -> bool:
        return bool(self.get("LINK_KEEPS_PASSWORD"))

    @property
    def rights_from(self) -> str:
        return str(self.get("RIGHTS_FROM"))

    @property
    def refresh_margin(self) -> float:
        """Seconds."""
        return float(self.get("REFRESH_MARGIN"))

    @property
    def clock_skew(self) -> float:
        """Seconds."""
        return float(self.get("CLOCK_SKEW"))

    @property
    def connect_timeout(self) -> float:
        """Seconds."""
        return float(self.get("CONNECT_TIMEOUT"))

    @property
    def deadline(self) -> float:
        """Seconds that one exchange with the instance may take."""
        return float(self.get("DEADLINE"))

    @property
    def sign_in_lifetime(self) -> int:
        """Seconds."""
        return int(self.get("SIGN_IN_LIFETIME"))

    @property
    def signing_algorithms(self) -> Sequence[str]:
        return tuple(self.get("SIGNING_ALGORITHMS"))

    @property
    def api_max_bytes(self) -> int:
        return int(self.get("API_MAX_BYTES"))

    @property
    def language_from_token(self) -> bool:
        return bool(self.get("LANGUAGE_FROM_TOKEN"))

    @property
    def api_concurrency(self) -> int:
        return int(self.get("API_CONCURRENCY"))

    @property
    def api_per_minute(self) -> int:
        return int(self.get("API_PER_MINUTE"))

    @property
    def service_scope(self) -> str:
        """As set; else the API scopes in SCOPE."""
        return self._optional("SERVICE_SCOPE") or self.api_scope

    # Values made from several keys

    @property
    def instance_host(self) -> str:
        return urlsplit(self.instance_url).hostname or ""

    @property
    def api_scope(self) -> str:
        """SCOPE without the scopes of OpenID Connect itself."""
        return " ".join(scope for scope in self.scope.split() if scope not in PROTOCOL_SCOPES)

    @property
    def limits(self) -> Limits:
        return Limits(connect=self.connect_timeout, deadline=self.deadline)

    @property
    def client(self) -> Client:
        """This site, as the instance knows it."""
        provider = _provider(self.issuer, self.connect_timeout, self.deadline)
        return Client(
            provider=provider,
            limits=provider.limits,
            client_id=self.application_uri,
            client_secret=self.application_secret,
            algorithms=self.signing_algorithms,
            skew=self.clock_skew,
        )

    def _required(self, key: str) -> str:
        value = self.raw().get(key)
        if not isinstance(value, str) or not value:
            raise ImproperlyConfigured(f"Set {setting_name(key)} in your settings.")
        return value

    def _optional(self, key: str) -> str | None:
        value = self.get(key)
        return None if value is None else str(value)


conf = Conf()


def redirect_field_name() -> str:
    """The parameter that names the page to come back to. Django's own views use the same."""
    return str(getattr(settings, "REDIRECT_FIELD_NAME", REDIRECT_FIELD_NAME))


@once(inherited=True)
def _provider(issuer: str, connect: float, deadline: float) -> Provider:
    # One per process, so that metadata and keys are fetched once.
    return Provider(issuer, Limits(connect, deadline))


@receiver(setting_changed)
def _forget_provider(*, setting: str, **_kwargs: Any) -> None:
    # Only tests change settings. The next test must not see the metadata of the last one.
    if setting == SETTING:
        _provider.forget()
