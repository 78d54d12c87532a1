"""django-lasuite, which keeps the refresh token on the session."""

from __future__ import annotations

import base64

from .mozilla import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls.lasuite"
SIGN_IN = "/authenticate/?next=/done"
AUTHENTICATION_BACKENDS = ["benchmarks.lasuite_backend.Backend"]
OIDC_STORE_REFRESH_TOKEN = True
OIDC_STORE_REFRESH_TOKEN_KEY = base64.urlsafe_b64encode(bytes(32))
OIDC_FALLBACK_TO_EMAIL_FOR_IDENTIFICATION = False
OIDC_USER_SUB_FIELD = "username"
OIDC_AUTHENTICATE_CLASS = "lasuite.oidc_login.views.OIDCAuthenticationRequestView"
OIDC_CALLBACK_CLASS = "lasuite.oidc_login.views.OIDCAuthenticationCallbackView"
