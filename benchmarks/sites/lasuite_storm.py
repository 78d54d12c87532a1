"""django-lasuite with its middleware, and a page that needs a token."""

from __future__ import annotations

from .lasuite import *  # noqa: F403
from .lasuite import MIDDLEWARE

ROOT_URLCONF = "benchmarks.urls.lasuite_storm"
MIDDLEWARE = [*MIDDLEWARE, "lasuite.oidc_login.middleware.RefreshOIDCAccessToken"]
# It does not ask for how long the first token lives.
OIDC_RENEW_ID_TOKEN_EXPIRY_SECONDS = 1
