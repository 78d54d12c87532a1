"""django-allauth's OpenID Connect provider."""

from __future__ import annotations

from .peer import *  # noqa: F403
from .peer import CLIENT_ID, CLIENT_SECRET, INSTALLED_APPS, ISSUER, MIDDLEWARE, SCOPE

ROOT_URLCONF = "benchmarks.urls.django_allauth"
SIGN_IN = "/accounts/oidc/instance/login/?next=/done"
INSTALLED_APPS = [
    *INSTALLED_APPS,
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
]
MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_STORE_TOKENS = True
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "APPS": [
            {
                "provider_id": "instance",
                "name": "Instance",
                "client_id": CLIENT_ID,
                "secret": CLIENT_SECRET,
                "settings": {
                    "server_url": ISSUER,
                    "oauth_pkce_enabled": True,
                    "scope": SCOPE.split(),
                },
            }
        ]
    }
}
