"""social-auth, and a page that needs a token."""

from __future__ import annotations

from .social_auth import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls.social_auth_storm"
# Without it, it takes every token for a fresh one.
SOCIAL_AUTH_OIDC_EXTRA_DATA = ["expires_in"]
