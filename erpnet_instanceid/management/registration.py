"""Makes the Trusted Application to register at the instance, and the link that registers it."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.urls import reverse

from ..conf import EXTERNAL_USER_TYPE, INTERNAL_USER_TYPE, conf
from ..oidc import http
from ..pages.targets import signed_out_beside_callback

SECRET_BYTES = 48


def new_application_secret() -> str:
    """A client secret of 384 bits, in characters that need no quoting anywhere."""
    return secrets.token_urlsafe(SECRET_BYTES)


def secret_hash(secret: str) -> str:
    """The ApplicationSecretHash: base64 of SHA-256, in the standard alphabet."""
    return base64.b64encode(hashlib.sha256(secret.encode()).digest()).decode("ascii")


def site_address() -> str:
    """The site's own address as CALLBACK_URL tells it; empty if it is not set."""
    return http.origin_of(conf.callback_url) if conf.callback_url else ""


def as_browsers_write(site: str) -> str:
    """The same address with its host in small ASCII letters, and without a port of no need."""
    parts = urlsplit(http.origin_of(site))
    host = parts.netloc.encode("idna").decode("ascii")
    return parts._replace(netloc=host, path=urlsplit(site).path).geturl()


def login_url(site: str) -> str:
    """The ImpersonateLoginUrl."""
    return conf.callback_url or _below(site, reverse("erpnet_instanceid:signin_callback"))


def logout_url(site: str) -> str:
    """The ImpersonateLogoutUrl; empty if sign-out ends at the instance."""
    if conf.post_logout_url is not None:
        return conf.post_logout_url
    path = reverse("erpnet_instanceid:signout_callback")
    return signed_out_beside_callback() or _below(site, path)


def signin_url(site: str) -> str:
    """The address that starts a sign-in."""
    return _below(site, reverse("erpnet_instanceid:signin"))


def _below(site: str, path: str) -> str:
    prefix = urlsplit(site).path.rstrip("/")
    if prefix and path.startswith(f"{prefix}/"):
        # FORCE_SCRIPT_NAME has put the prefix into the path already.
        return http.origin_of(site) + path
    return site.rstrip("/") + path


def trusted_application(
    site: str, secret: str, *, name: str = "", service: bool = False
) -> dict[str, Any]:
    """Every attribute of the Trusted Application to ask for, for a site at ``site``.

    With ``service``, or if SERVICE_SCOPE is set, the application may call APIs as itself.
    """
    types = conf.allowed_user_types
    service = service or bool(conf.raw().get("SERVICE_SCOPE"))
    return {
        "Name": name or urlsplit(site).hostname or site,
        "ApplicationUri": conf.raw().get("APPLICATION_URI") or urlsplit(site).hostname,
        "IsEnabled": True,
        "ImpersonateAsInternalUserAllowed": INTERNAL_USER_TYPE in types,
        "ImpersonateAsCommunityUserAllowed": EXTERNAL_USER_TYPE in types,
        "ImpersonateLoginUrl": login_url(site),
        "ImpersonateLogoutUrl": logout_url(site),
        "ClientType": "Confidential",
        "ApplicationSecretHash": secret_hash(secret),
        "Scope": conf.api_scope or "read",
        "SystemUserAllowed": service,
        "SystemUser": None,
    }


def install_link(site: str, *, name: str = "", service: bool = False) -> str:
    """The address where an administrator of the instance registers the site with one click."""
    application = trusted_application(site, "", name=name, service=service)
    everybody = application["ImpersonateAsCommunityUserAllowed"]
    query = {
        "applicationUri": application["ApplicationUri"],
        "redirectUri": application["ImpersonateLoginUrl"],
        "applicationName": application["Name"],
        "clientType": "Confidential",
        "impersonate": "all" if everybody else "internal",
        "serviceAccess": "clientCredentials" if application["SystemUserAllowed"] else "none",
        "scope": application["Scope"],
    }
    return f"{conf.instance_url}/manage/apps/install?{urlencode(query)}"
