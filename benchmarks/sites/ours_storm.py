"""erpnet_instanceid, and a page that needs a token."""

from __future__ import annotations

from .ours import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls.ours_storm"
