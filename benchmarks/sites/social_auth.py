"""social-auth-app-django's generic OpenID Connect backend."""

from __future__ import annotations

from .peer import *  # noqa: F403
from .peer import CLIENT_ID, CLIENT_SECRET, INSTALLED_APPS, ISSUER, SCOPE

ROOT_URLCONF = "benchmarks.urls.social_auth"
SIGN_IN = "/login/oidc/?next=/done"
SIGN_IN_BY_POST = True
INSTALLED_APPS = [*INSTALLED_APPS, "social_django"]
AUTHENTICATION_BACKENDS = ["social_core.backends.open_id_connect.OpenIdConnectAuth"]
SOCIAL_AUTH_OIDC_OIDC_ENDPOINT = ISSUER
SOCIAL_AUTH_OIDC_KEY = CLIENT_ID
SOCIAL_AUTH_OIDC_SECRET = CLIENT_SECRET
SOCIAL_AUTH_OIDC_SCOPE = SCOPE.split()
SOCIAL_AUTH_OIDC_USE_PKCE = True
SOCIAL_AUTH_OIDC_USERNAME_KEY = "sub"
SOCIAL_AUTH_OIDC_TOKEN_ENDPOINT_AUTH_METHOD = "client_secret_post"
