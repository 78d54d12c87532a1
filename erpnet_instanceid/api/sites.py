"""Finds the instance's other sites: its APIs, and the profile of the signed-in user."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.core.signals import setting_changed
from django.dispatch import receiver

from ..conf import SETTING, conf
from ..oidc import http
from ..oidc.errors import InstanceIDError, InvalidResponse
from ..oidc.fetched import Clock, Fetched
from ..oidc.provider import is_safe_address
from ..once import once
from ..tokens.connections import give_back

logger = logging.getLogger("erpnet_instanceid")

# The documentation names both paths.
DISCOVERY_PATHS = ("/sys/auto-discovery", "/tools/auto-discovery")
DOMAIN_API_PATH = "/api/domain/odata/"
# Without an answer the documented addresses are used, so that a visitor waits for the look-up once
# in a while only.
RETRY_SECONDS = 300.0


@dataclass(frozen=True)
class Sites:
    """Addresses that end in a slash, so that a relative address can follow."""

    domain_api: str
    profile: str

    def origins(self) -> frozenset[str]:
        return frozenset({http.origin_of(self.domain_api), http.origin_of(self.profile)})


class SiteDirectory:
    """The sites of one instance. Looks them up once a day."""

    def __init__(
        self, instance_url: str, limits: http.Limits, clock: Clock = time.monotonic
    ) -> None:
        self.instance_url = instance_url
        self.limits = limits
        self._sites = Fetched(instance_url, self._fetch, clock, retry_seconds=RETRY_SECONDS)

    def sites(self) -> Sites:
        """The sites that the instance lists, or those of the documentation."""
        if not self._sites.is_fresh():
            give_back()
        try:
            return self._sites.get()
        except InstanceIDError as error:
            logger.warning("auto_discovery_failed error=%s", error)
            return read_sites({}, self.instance_url)

    def _fetch(self) -> Sites:
        refused: InvalidResponse | None = None
        for path in DISCOVERY_PATHS:
            answer = http.exchange("GET", self.instance_url + path, limits=self.limits)
            if answer.status == 200:
                return read_sites(answer.json_object(), self.instance_url)
            answer.check_available()
            if answer.status != 404:
                refused = InvalidResponse("unexpected_status", url=answer.url, status=answer.status)
        if refused is not None:
            raise refused
        # An older instance has no auto-discovery. Ask it again tomorrow.
        return read_sites({}, self.instance_url)


def site_directory() -> SiteDirectory:
    """The directory of the configured instance. The process keeps it."""
    return _site_directory(conf.instance_url, conf.limits)


@once(inherited=True)
def _site_directory(instance_url: str, limits: http.Limits) -> SiteDirectory:
    return SiteDirectory(instance_url, limits)


@receiver(setting_changed)
def _forget_sites(*, setting: str, **_kwargs: Any) -> None:
    if setting == SETTING:
        _site_directory.forget()


def read_sites(document: Mapping[str, Any], instance_url: str) -> Sites:
    """The sites in an auto-discovery document; for those it leaves out, the documented addresses.

    Ignores an http address, unless the instance's own address is one: a token must not travel in
    clear.
    """
    found: dict[str, Mapping[str, Any]] = {}
    listed = document.get("WebSites")
    for site in listed if isinstance(listed, list) else []:
        if isinstance(site, dict) and isinstance(site.get("Type"), str):
            found.setdefault(site["Type"], site)
    api = found.get("DomainAPI", {})
    properties = api.get("AdditionalProperties")
    root = properties.get("ODataServiceRoot") if isinstance(properties, dict) else None
    profile = found.get("UserProfile", {}).get("Url")
    plain_allowed = urlsplit(instance_url).scheme == "http"

    def usable(url: object, default: str) -> str:
        if not isinstance(url, str) or not is_safe_address(url):
            return default
        if url.startswith("http:") and not plain_allowed:
            return default
        return url.rstrip("/") + "/"

    return Sites(
        domain_api=usable(root, instance_url + DOMAIN_API_PATH),
        profile=usable(profile, f"{instance_url}/profile/"),
    )
