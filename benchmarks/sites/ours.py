"""erpnet_instanceid as it comes: hybrid flow, form_post."""

from __future__ import annotations

from .peer import *  # noqa: F403
from .peer import CLIENT_ID, CLIENT_SECRET, INSTALLED_APPS, ISSUER, MIDDLEWARE, SCOPE

ROOT_URLCONF = "benchmarks.urls.ours"
SIGN_IN = "/signin?next=/done"
INSTALLED_APPS = [*INSTALLED_APPS, "erpnet_instanceid"]
MIDDLEWARE = [*MIDDLEWARE, "erpnet_instanceid.middleware.TokenRefreshMiddleware"]
AUTHENTICATION_BACKENDS = [
    "erpnet_instanceid.backends.InstanceIDBackend",
    "django.contrib.auth.backends.ModelBackend",
]
ERPNET_INSTANCEID = {
    "INSTANCE_URL": ISSUER.removesuffix("/id"),
    "APPLICATION_URI": CLIENT_ID,
    "APPLICATION_SECRET": CLIENT_SECRET,
    "SCOPE": SCOPE,
}
