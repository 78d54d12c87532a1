"""Where the instance's other sites are: its APIs, and the signed-in user's profile."""

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

logger = logging.getLogger("erpnet_instanceid")

# The documentation names both.
DISCOVERY_PATHS = ("/sys/auto-discovery", "/tools/auto-discovery")
DOMAIN_API_PATH = "/api/domain/odata/"
# Where an instance does not tell, the addresses are known all the same. A visitor waits for it
# once in a while, not with every other call.
RETRY_SECONDS = 300.0


@dataclass(frozen=True)
class Sites:
    """Addresses that end in a slash, so that relative ones can be put behind them."""

    domain_api: str
    profile: str

    def origins(self) -> frozenset[str]:
        return frozenset({http.origin_of(self.domain_api), http.origin_of(self.profile)})


class SiteDirectory:
    """The sites of one instance, looked up once a day."""

    def __init__(
        self, instance_url: str, limits: http.Limits, clock: Clock = time.monotonic
    ) -> None:
        self.instance_url = instance_url
        self.limits = limits
        self._sites = Fetched(instance_url, self._fetch, clock, retry_seconds=RETRY_SECONDS)

    def sites(self) -> Sites:
        """Where they are; as documented, where the instance does not tell."""
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
        # An older instance, that has no auto-discovery, does not get it within the day.
        return read_sites({}, self.instance_url)


def site_directory() -> SiteDirectory:
    """The directory of the configured instance, one for the life of the process."""
    return _site_directory(conf.instance_url, conf.limits)


@once(inherited=True)
def _site_directory(instance_url: str, limits: http.Limits) -> SiteDirectory:
    return SiteDirectory(instance_url, limits)


@receiver(setting_changed)
def _forget_sites(*, setting: str, **_kwargs: Any) -> None:
    if setting == SETTING:
        _site_directory.forget()


def read_sites(document: Mapping[str, Any], instance_url: str) -> Sites:
    """The sites in an auto-discovery document. Those it does not name are where they always are.

    An address that would be spoken to in clear is passed over, unless the instance's own is.
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
