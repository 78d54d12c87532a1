"""Trusted Applications: the sites that may ask the instance for sign-ins and tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Container
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import ClientMixin

IDENTITY_SCOPES = frozenset({"openid", "profile", "email", "offline_access"})


def application_secret_hash(secret: str) -> str:
    """The ApplicationSecretHash of a secret: base64(SHA-256(secret)), standard alphabet."""
    return base64.b64encode(hashlib.sha256(secret.encode()).digest()).decode()


class LocalURLs(Container[object]):
    """Every URL of this machine or of a test client, for sites whose port is not known yet."""

    def __contains__(self, url: object) -> bool:
        try:
            parts = urlsplit(str(url))
            host = parts.hostname or ""
        except ValueError:
            return False
        return parts.scheme in {"http", "https"} and (
            host in {"localhost", "127.0.0.1", "::1", "testserver"}
            or host.endswith((".localhost", ".test"))
        )


@dataclass
class Application(ClientMixin):  # type: ignore[misc]
    """One registration. `login_urls` and `logout_urls` match exactly and case-sensitively."""

    uri: str
    secret_hash: str
    name: str = "Demo site"
    login_urls: Container[object] = LocalURLs()
    logout_urls: Container[object] = LocalURLs()
    scope: str = "read update"
    backchannel_url: str | None = None
    frontchannel_url: str | None = None
    is_enabled: bool = True
    internal_users_allowed: bool = True
    community_users_allowed: bool = True
    system_user_allowed: bool = True

    def change(self, **values: Any) -> None:
        """Set fields. `login_urls` and `logout_urls` are lists; None accepts all of this machine.

        Raises TypeError for an unknown field.
        """
        for name in values:
            if name not in self.__dataclass_fields__:
                raise TypeError(f"an application has no {name!r}")
        for name in values.keys() & {"login_urls", "logout_urls"}:
            urls = values[name]
            values[name] = LocalURLs() if urls is None else list(urls)
        for name, value in values.items():
            setattr(self, name, value)

    # Authlib calls these methods. RFC 6749 section 2.

    def get_client_id(self) -> str:
        return self.uri

    def get_default_redirect_uri(self) -> str | None:
        return None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.login_urls

    def check_client_secret(self, client_secret: str) -> bool:
        return hmac.compare_digest(self.secret_hash, application_secret_hash(client_secret))

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method == "client_secret_post"

    def check_response_type(self, response_type: str) -> bool:
        return self.is_enabled and response_type in {"code", "code id_token"}

    def check_grant_type(self, grant_type: str) -> bool:
        if grant_type == "client_credentials":
            return self.is_enabled and self.system_user_allowed
        return self.is_enabled

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """`scope` if the registration allows all of it, else None. Empty means all API scopes."""
        if not scope:
            return self.scope
        allowed = IDENTITY_SCOPES | set(self.scope.split())
        return scope if allowed.issuperset(scope.split()) else None

    @property
    def client_metadata(self) -> dict[str, Any]:
        return {"post_logout_redirect_uris": self.logout_urls}

    def may_sign_in(self, user_type: str) -> bool:
        if user_type == "ExternalCommunityUser":
            return self.community_users_allowed
        return self.internal_users_allowed
