"""A sign-in that asks nobody: what Django itself takes for one."""

from __future__ import annotations

from .base import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls.bare"
SIGN_IN = "/login"
