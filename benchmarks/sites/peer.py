"""The stand-in's address, and the site's identity there, for every site that signs in."""

from __future__ import annotations

import os

from .base import *  # noqa: F403

ISSUER = os.environ["BENCHMARK_ISSUER"]
CLIENT_ID = os.environ["BENCHMARK_CLIENT_ID"]
CLIENT_SECRET = os.environ["BENCHMARK_CLIENT_SECRET"]
# The same for all, so that the stand-in has the same work.
SCOPE = "openid profile email offline_access read"
