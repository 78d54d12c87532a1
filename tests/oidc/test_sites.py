"""Where the instance's other sites are: looked up once a day, over real HTTP."""

from __future__ import annotations

from time import monotonic
from typing import Any

import pytest

from erpnet_instanceid.oidc.http import Limits
from erpnet_instanceid.oidc.sites import SiteDirectory
from erpnet_instanceid.testing import Instance

from .test_provider import DAY, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def directory(instance: Instance, clock: Clock) -> SiteDirectory:
    return SiteDirectory(instance.url, Limits(deadline=0.5), clock)


def lookups(instance: Instance) -> int:
    return len(instance.calls("auto_discovery"))


def test_sites_are_looked_up_once_a_day(
    instance: Instance, directory: SiteDirectory, clock: Clock
) -> None:
    for _ in range(3):
        assert directory.sites().profile == f"{instance.url}/profile/"
    assert lookups(instance) == 1

    clock.now += DAY
    directory.sites()
    assert lookups(instance) == 2


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 403}, {"json": []}, {"hold": 60}])
def test_failed_lookup_is_tried_again_after_five_minutes(
    instance: Instance, directory: SiteDirectory, clock: Clock, fault: dict[str, Any]
) -> None:
    instance.always("auto_discovery", **fault)
    known = f"{instance.url}/api/domain/odata/"

    assert directory.sites().domain_api == known
    made = lookups(instance)
    started = monotonic()
    for seconds in (1, 9, 280):
        clock.now += seconds
        assert directory.sites().domain_api == known
    assert lookups(instance) == made
    # Nor did anybody wait for the one that hangs.
    assert monotonic() - started < 0.4

    instance.heal()
    instance.change("auto_discovery", lambda found: elsewhere(found, instance.url + "/elsewhere"))
    clock.now += 15
    assert directory.sites().domain_api == f"{instance.url}/elsewhere/"


def elsewhere(found: dict[str, Any], root: str) -> None:
    for site in found["WebSites"]:
        if site["Type"] == "DomainAPI":
            site["AdditionalProperties"]["ODataServiceRoot"] = root


def test_instance_without_auto_discovery_is_asked_once_a_day(
    instance: Instance,
    directory: SiteDirectory,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    instance.always("auto_discovery", status=404)

    for _ in range(3):
        assert directory.sites().domain_api == f"{instance.url}/api/domain/odata/"
        clock.now += DAY / 3 - 1
    # Both of the addresses that the documentation names.
    assert lookups(instance) == 2
    # That it has none is no failure.
    assert "auto_discovery_failed" not in caplog.text

    clock.now += 10
    directory.sites()
    assert lookups(instance) == 4
