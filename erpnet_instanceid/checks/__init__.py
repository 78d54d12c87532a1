"""System checks: each message names the setting that is wrong, and the hint says how to mend it."""

from __future__ import annotations

from .of_linking import check_linking
from .of_settings import check_settings, errors_in_given_keys
from .of_site import check_site
from .of_urls import URLS_MISSING

__all__ = [
    "URLS_MISSING",
    "check_linking",
    "check_settings",
    "check_site",
    "errors_in_given_keys",
]
