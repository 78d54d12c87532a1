"""Rows TPI of the cases: a sign-in that somebody else begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from erpnet_instanceid.testing import Instance, run_instance

from ..support.outcomes import assert_nothing_came_of_it, assert_signed_in, look
from ..support.visitor import Visitor

ADDRESS = "/initiate-signin"


def parameters(location: str) -> dict[str, str]:
    pairs = parse_qsl(urlsplit(location).query, keep_blank_values=True, strict_parsing=True)
    assert max(Counter(name for name, _ in pairs).values()) == 1
    return dict(pairs)


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


@pytest.fixture
def elsewhere() -> Iterator[Instance]:
    """An instance of somebody else, ready to answer."""
    with run_instance() as other:
        yield other


@pytest.mark.parametrize(
    "query",
    [
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
        "issuer=ISS",
        "iss=file:///etc/passwd",
    ],
)
def test_tpi_02_foreign_issuer_is_refused(
    visitor: Visitor, instance: Instance, elsewhere: Instance, query: str
) -> None:
    before = look(visitor, instance)
    query = query.replace("ISS", instance.issuer).replace("OTHER", elsewhere.issuer)

    response = visitor.arrive(f"{ADDRESS}?{query}")

    assert response.status_code == 400
    assert "Location" not in response.headers
    assert "evil.test" not in response.text
    assert elsewhere.issuer not in response.text
    assert visitor.cookies("erpnet") == []
    assert elsewhere.requests == []
    assert_nothing_came_of_it(visitor, before)


def test_tpi_02_issuer_in_capitals_is_refused(visitor: Visitor, instance: Instance) -> None:
    capitals = instance.issuer.replace("http:", "HTTP:")

    assert visitor.arrive(f"{ADDRESS}?{urlencode({'iss': capitals})}").status_code == 400


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test",
        "//evil.test",
        "javascript:alert(1)",
        "/\\evil.test",
        "/\t/evil.test",
        "https://SITE@evil.test/",
        "data:text/html,x",
        "\0",
    ],
)
def test_tpi_03_foreign_target_is_ignored(
    visitor: Visitor, instance: Instance, target: str
) -> None:
    target = target.replace("SITE", urlsplit(visitor.site).netloc)
    before = look(visitor, instance)

    response = visitor.bring(visitor.at(initiate(visitor, instance, target_link_uri=target)))

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


@pytest.mark.parametrize(
    "hint",
    [
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
    ],
    ids=lambda hint: quote(hint[:20]),
)
@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
def test_tpi_04_hint_stays_one_parameter(
    visitor: Visitor, instance: Instance, hint: str, twice: bool
) -> None:
    query = urlencode([("iss", instance.issuer), *[("login_hint", hint)] * (1 + twice)])
    before = look(visitor, instance)

    response = visitor.arrive(f"{ADDRESS}?{query}")

    assert response.status_code == 302
    location = response.headers["Location"]
    sent = parameters(location)
    assert set(sent) - {"login_hint"} == set(parameters(visitor.start()))
    assert sent["client_id"] == instance.application_uri
    # In full, cut, or not at all.
    assert hint.startswith(sent.get("login_hint", ""))
    assert sent.get("login_hint", "").isprintable()
    assert len(sent.get("login_hint", "")) <= 256
    if hint == "maria":
        assert sent["login_hint"] == hint
    assert len(location) < 4096
    assert "x" not in {cookie.name for cookie in visitor.cookies()}
    assert_signed_in(visitor, visitor.bring(visitor.at(location)), before)


@pytest.mark.parametrize(
    "more",
    [
        {"prompt": "none"},
        {"max_age": "0"},
        {"client_id": "x"},
        {"redirect_uri": "https://evil.test"},
    ],
    ids=str,
)
def test_tpi_04_other_parameters_are_not_passed_on(
    visitor: Visitor, instance: Instance, more: dict[str, Any]
) -> None:
    usual = parameters(initiate(visitor, instance))
    sent = parameters(initiate(visitor, instance, **more))

    assert set(sent) == set(usual)
    for name in ("client_id", "redirect_uri", "response_type", "scope"):
        assert sent[name] == usual[name]
