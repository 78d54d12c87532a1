"""mozilla-django-oidc, with PKCE, which the instance demands."""

from __future__ import annotations

from .peer import *  # noqa: F403
from .peer import CLIENT_ID, CLIENT_SECRET, INSTALLED_APPS, ISSUER, SCOPE

ROOT_URLCONF = "benchmarks.urls.mozilla"
SIGN_IN = "/oidc/authenticate/?next=/done"
INSTALLED_APPS = [*INSTALLED_APPS, "mozilla_django_oidc"]
AUTHENTICATION_BACKENDS = ["mozilla_django_oidc.auth.OIDCAuthenticationBackend"]
OIDC_OP_AUTHORIZATION_ENDPOINT = f"{ISSUER}/connect/authorize"
OIDC_OP_TOKEN_ENDPOINT = f"{ISSUER}/connect/token"
OIDC_OP_USER_ENDPOINT = f"{ISSUER}/connect/userinfo"
OIDC_OP_JWKS_ENDPOINT = f"{ISSUER}/.well-known/openid-configuration/jwks"
OIDC_RP_CLIENT_ID = CLIENT_ID
OIDC_RP_CLIENT_SECRET = CLIENT_SECRET
OIDC_RP_SCOPES = SCOPE
OIDC_RP_SIGN_ALGO = "RS256"
OIDC_USE_PKCE = True
OIDC_STORE_ACCESS_TOKEN = True
