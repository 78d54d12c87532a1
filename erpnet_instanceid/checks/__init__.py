"""System checks: each names the setting and the cure."""

from __future__ import annotations

from .of_settings import check_settings
from .of_site import URLS_MISSING, check_site

__all__ = ["URLS_MISSING", "check_settings", "check_site"]
