"""What every site has that signs in at the stand-in: where it is, and who the site is there."""

from __future__ import annotations

import os

from .base import *  # noqa: F403

ISSUER = os.environ["BENCHMARK_ISSUER"]
CLIENT_ID = os.environ["BENCHMARK_CLIENT_ID"]
CLIENT_SECRET = os.environ["BENCHMARK_CLIENT_SECRET"]
# The same for all, so that the stand-in has the same work.
SCOPE = "openid profile email offline_access read"
