"""Rows TPI of the cases: a sign-in that somebody else begins."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

import pytest

from erpnet_instanceid.testing import Instance, run_instance

from ..support.outcomes import assert_nothing_came_of_it, assert_signed_in, look
from ..support.visitor import Visitor, parameters

ADDRESS = "/initiate-signin"


def initiate(visitor: Visitor, instance: Instance, **more: str) -> str:
    response = visitor.arrive(f"{ADDRESS}?{urlencode({'iss': instance.issuer, **more})}")
    assert response.status_code == 302, response.text
    location = response.headers["Location"]
    assert location.startswith(f"{instance.issuer}/connect/authorize?")
    return location


@pytest.mark.parametrize("earlier", [None, "maria", "admin"])
def test_tpi_01_begins_a_sign_in(visitor: Visitor, instance: Instance, earlier: str | None) -> None:
    if earlier:
        visitor.sign_in(earlier)
        visitor.at_instance.cookies.clear()
    before = look(visitor, instance)

    location = initiate(visitor, instance)
    assert visitor.whoami() == before.who
    response = visitor.bring(visitor.at(location))

    assert_signed_in(visitor, response, before)


def test_tpi_01_goes_on_to_a_page_of_this_site(visitor: Visitor, instance: Instance) -> None:
    target = f"{visitor.site}/private?q=%D0%B9"
    before = look(visitor, instance)

    response = visitor.bring(visitor.at(initiate(visitor, instance, target_link_uri=target)))

    assert_signed_in(visitor, response, before, target=target)


ISSUERS = (
    "",
    "iss=",
    "iss=OTHER",
    "iss=https://evil.test/id",
    "iss=http://169.254.169.254/",
    "iss=ISS/",
    "iss=ISS%00",
    "iss=ISS%0d%0aLocation:%20https://evil.test/",
    "iss=ISS&iss=OTHER",
    "iss=OTHER&iss=ISS",
    "iss=ISS&iss=ISS",
    "iss=%ff%fe",
    "iss=HTTP://SAME/id",
    "issuer=ISS",
    "iss=file:///etc/passwd",
)


def test_tpi_02_foreign_issuer_is_refused(visitor: Visitor, instance: Instance) -> None:
    before = look(visitor, instance)
    with run_instance() as other:
        words = {
            "ISS": instance.issuer,
            "OTHER": other.issuer,
            "SAME": urlsplit(instance.url).netloc,
        }
        for query in ISSUERS:
            for word, value in words.items():
                query = query.replace(word, value)
            response = visitor.arrive(f"{ADDRESS}?{query}")
            assert response.status_code == 400, query
            assert "Location" not in response.headers
            assert "evil.test" not in response.text
            assert other.issuer not in response.text
        assert other.requests == []
    assert visitor.cookies("erpnet") == []
    assert_nothing_came_of_it(visitor, before)


def test_tpi_03_foreign_target_is_ignored(visitor: Visitor, instance: Instance) -> None:
    """`tests/pages/test_targets.py` has more of them."""
    before = look(visitor, instance)
    location = initiate(visitor, instance, target_link_uri="https://evil.test")

    response = visitor.bring(visitor.at(location))

    assert_signed_in(visitor, response, before, target="/")


@pytest.mark.parametrize("name", ["next", "target_link_uri"])
def test_tpi_03_only_the_one_parameter_names_a_target(
    visitor: Visitor, instance: Instance, name: str
) -> None:
    before = look(visitor, instance)
    location = initiate(visitor, instance, **{name: "/private"})

    response = visitor.bring(visitor.at(location))

    target = "/private" if name == "target_link_uri" else "/"
    assert_signed_in(visitor, response, before, target=target)


HINTS = (
    "maria",
    "мария@компания.бг",
    "a" * 10_000,
    "я" * 5_000,
    "maria\r\nSet-Cookie: x=1",
    "maria&prompt=none&client_id=x",
    "maria#prompt=none",
    "maria;prompt=none",
    "%26prompt=none",
    "\0",
    "\ufffe\ufffd\u202e",
)


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_tpi_04_hint_stays_one_parameter(visitor: Visitor, instance: Instance, times: int) -> None:
    usual = set(parameters(visitor.start()))
    for hint in HINTS:
        query = urlencode([("iss", instance.issuer), *[("login_hint", hint)] * times])

        location = visitor.arrive(f"{ADDRESS}?{query}").headers["Location"]

        sent = parameters(location)
        told = sent.pop("login_hint", "")
        assert set(sent) == usual
        assert sent["client_id"] == instance.application_uri
        # In full, cut, or not at all.
        assert hint.startswith(told)
        assert told.isprintable()
        assert len(told) <= 256
        assert told == hint or hint != "maria"
        assert len(location) < 4096
    assert "x" not in {cookie.name for cookie in visitor.cookies()}
    before = look(visitor, instance)
    assert_signed_in(visitor, visitor.bring(visitor.at(location)), before)


def test_tpi_04_other_parameters_are_not_passed_on(visitor: Visitor, instance: Instance) -> None:
    usual = parameters(initiate(visitor, instance))
    more = {"prompt": "none", "max_age": "0", "client_id": "x", "redirect_uri": "https://evil.test"}
    sent = parameters(initiate(visitor, instance, **more))

    assert set(sent) == set(usual)
    for name in ("client_id", "redirect_uri", "response_type", "scope"):
        assert sent[name] == usual[name]
