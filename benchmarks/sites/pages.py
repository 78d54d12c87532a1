"""The site of middleware.py: every candidate's settings; its middleware is added in turn."""

from __future__ import annotations

import base64

from .base import *  # noqa: F403
from .base import INSTALLED_APPS

ROOT_URLCONF = "benchmarks.urls.pages"
INSTALLED_APPS = [*INSTALLED_APPS, "mozilla_django_oidc", "erpnet_instanceid"]
AUTHENTICATION_BACKENDS = [
    "erpnet_instanceid.backends.InstanceIDBackend",
    "mozilla_django_oidc.auth.OIDCAuthenticationBackend",
    "lasuite.oidc_login.backends.OIDCAuthenticationBackend",
]

ERPNET_INSTANCEID = {
    "INSTANCE_URL": "https://instance.example.com",
    "APPLICATION_URI": "benchmark.example.com",
    "APPLICATION_SECRET": "none",
}

OIDC_OP_AUTHORIZATION_ENDPOINT = "https://instance.example.com/id/connect/authorize"
OIDC_OP_TOKEN_ENDPOINT = "https://instance.example.com/id/connect/token"
OIDC_OP_USER_ENDPOINT = "https://instance.example.com/id/connect/userinfo"
OIDC_OP_JWKS_ENDPOINT = "https://instance.example.com/id/jwks"
OIDC_RP_CLIENT_ID = "benchmark.example.com"
OIDC_RP_CLIENT_SECRET = "none"
OIDC_RP_SIGN_ALGO = "RS256"
OIDC_STORE_ACCESS_TOKEN = True

OIDC_STORE_REFRESH_TOKEN = True
OIDC_STORE_REFRESH_TOKEN_KEY = base64.urlsafe_b64encode(bytes(32))
OIDC_FALLBACK_TO_EMAIL_FOR_IDENTIFICATION = False
OIDC_USER_SUB_FIELD = "username"
