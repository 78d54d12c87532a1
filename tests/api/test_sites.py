"""Where the instance's other sites are: looked up once a day, over real HTTP."""

from time import monotonic

import pytest

from erpnet_instanceid.api.sites import SiteDirectory, read_sites
from erpnet_instanceid.oidc.http import Limits

from ..oidc.test_provider import DAY, Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def directory(instance, clock):
    return SiteDirectory(instance.url, Limits(deadline=0.5), clock)


def lookups(instance):
    return len(instance.calls("auto_discovery"))


@pytest.mark.parametrize(
    ("fault", "made"),
    [({"status": 500}, 1), ({"status": 429}, 1), ({"status": 403}, 2), ({"hold": 60}, 1)],
)
def test_failed_lookup_is_tried_again_after_five_minutes(instance, directory, clock, fault, made):
    """An instance that is too busy is asked at one of its two addresses."""
    instance.always("auto_discovery", **fault)
    known = f"{instance.url}/api/domain/odata/"

    assert directory.sites().domain_api == known
    assert lookups(instance) == made
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


def elsewhere(found, root):
    for site in found["WebSites"]:
        if site["Type"] == "DomainAPI":
            site["AdditionalProperties"]["ODataServiceRoot"] = root


def test_instance_without_auto_discovery_is_asked_once_a_day(instance, directory, clock, caplog):
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


@pytest.mark.parametrize(
    ("instance_url", "url", "taken"),
    [
        ("https://op.test", "https://profile.op.test/x", True),
        ("https://op.test", "http://op.test/x", False),
        ("https://op.test", "http://127.0.0.1/x", False),
        ("http://127.0.0.1:8000", "http://127.0.0.1:9000/x", True),
        ("http://127.0.0.1:8000", "http://op.test/x", False),
        ("https://op.test", "https://somebody@op.test/x", False),
        ("https://op.test", "ftp://op.test/x", False),
        ("https://op.test", "/x", False),
        ("https://op.test", ["https://op.test/x"], False),
        ("https://op.test", None, False),
    ],
)
def test_unsafe_address_of_a_site_is_replaced_by_the_usual_one(instance_url, url, taken):
    told = {
        "WebSites": [
            {"Type": "UserProfile", "Url": url},
            {"Type": "DomainAPI", "AdditionalProperties": {"ODataServiceRoot": url}},
        ]
    }

    found = read_sites(told, instance_url)

    assert found.profile == (f"{url}/" if taken else f"{instance_url}/profile/")
    assert found.domain_api == (f"{url}/" if taken else f"{instance_url}/api/domain/odata/")


def test_first_of_several_sites_of_one_kind_is_the_one():
    urls = ["https://op.test/one/", "https://op.test/other/"]
    told = {"WebSites": [{"Type": "UserProfile", "Url": url} for url in urls]}

    assert read_sites(told, "https://op.test").profile == urls[0]
