"""Rows TPI of the cases: a sign-in that somebody else begins."""

from urllib.parse import urlencode, urlsplit

import pytest

from erpnet_instanceid.testing import run_instance

from ..support.outcomes import assert_nothing_came_of_it, assert_signed_in, look
from ..support.visitor import parameters

ADDRESS = "/initiate-signin"


def initiate(visitor, instance, **more):
    response = visitor.arrive(f"{ADDRESS}?{urlencode({'iss': instance.issuer, **more})}")
    assert response.status_code == 302, response.text
    location = response.headers["Location"]
    assert location.startswith(f"{instance.issuer}/connect/authorize?")
    return location


def test_tpi_01_earlier_visitor_stays_until_the_answer(visitor, instance):
    visitor.sign_in("admin")
    visitor.at_instance.cookies.clear()
    before = look(visitor, instance)

    location = initiate(visitor, instance)
    assert visitor.whoami() == before.who
    response = visitor.bring(visitor.at(location))

    assert_signed_in(visitor, response, before)


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


def test_tpi_02_foreign_issuer_is_refused(visitor, instance):
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


@pytest.mark.parametrize(
    ("name", "given", "target"),
    [
        pytest.param("target_link_uri", "/private?q=%D0%B9", "/private?q=%D0%B9", id="own"),
        pytest.param("target_link_uri", "https://evil.test", "/", id="foreign"),
        pytest.param("next", "/private", "/", id="other parameter"),
    ],
)
def test_tpi_01_03_target_is_a_page_of_this_site(visitor, instance, name, given, target):
    """`tests/pages/test_targets.py` has more of them."""
    before = look(visitor, instance)
    location = initiate(visitor, instance, **{name: given})
    assert_signed_in(visitor, visitor.bring(visitor.at(location)), before, target=target)


HINTS = (
    "мария@компания.бг",
    "я" * 5_000,
    "maria\r\nSet-Cookie: x=1",
    "maria&prompt=none&client_id=x",
    "maria#prompt=none",
    "%26prompt=none",
    "\0",
    "\ufffe\ufffd\u202e",
    "maria",
)


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_tpi_04_hint_stays_one_parameter(visitor, instance, times):
    usual = set(parameters(visitor.start()))
    for hint in HINTS:
        query = urlencode([("iss", instance.issuer), *[("login_hint", hint)] * times])

        location = visitor.arrive(f"{ADDRESS}?{query}").headers["Location"]

        sent = parameters(location)
        told = sent.pop("login_hint", "")
        assert set(sent) == usual
        # In full, cut, or not at all.
        assert hint.startswith(told)
        assert told.isprintable()
        assert len(told) <= 256
    assert told == "maria"
    assert "x" not in {cookie.name for cookie in visitor.cookies()}


def test_tpi_04_other_parameters_are_not_passed_on(visitor, instance):
    usual = parameters(initiate(visitor, instance))
    more = {"prompt": "none", "max_age": "0", "client_id": "x", "redirect_uri": "https://evil.test"}
    sent = parameters(initiate(visitor, instance, **more))

    assert set(sent) == set(usual)
    for name in ("client_id", "redirect_uri", "response_type", "scope"):
        assert sent[name] == usual[name]
