"""Rows NXT of the cases: where a visitor lands, and that it is never another site."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
import requests

from erpnet_instanceid.testing import Instance

from ..support.outcomes import assert_signed_in, look
from ..support.visitor import Visitor
from ..support.whatwg import origin

DEFAULT = "/basket"

FOREIGN = ["https://evil.test/", "http://evil.test", "ftp://evil.test"]
# SITE stands for the site's own host and port.
DISGUISED = [
    "//evil.test",
    "///evil.test",
    "/\\evil.test",
    "\\\\evil.test",
    "\\/evil.test",
    "/\\/evil.test",
    "https:evil.test",
    "https:/evil.test",
    "http:///evil.test",
    "https://SITE@evil.test",
    "http:\\\\SITE\\@evil.test",
    "http://SITE\\@evil.test",
    "javascript:alert(1)",
    "java\nscript:x",
    "\x08//evil.test",
    "data:text/html,x",
]


@pytest.fixture(autouse=True)
def default_target(settings: Any) -> None:
    settings.LOGIN_REDIRECT_URL = DEFAULT


def land(visitor: Visitor, instance: Instance, query: str) -> requests.Response:
    """Signs in from ``/signin?<query>``; the answer that sends the visitor on."""
    response = visitor.get(f"/signin?{query}")
    assert response.status_code == 302, response.text
    assert response.headers["Location"].startswith(f"{instance.issuer}/connect/authorize?")
    response = visitor.bring(visitor.at(response.headers["Location"]))
    assert response.status_code == 302, response.text
    assert visitor.whoami()["user"] == "maria"
    return response


def browser_origin(visitor: Visitor, location: str) -> str:
    return origin(location, f"{visitor.site}/signin-callback")


def assert_lands_on_default(visitor: Visitor, instance: Instance, target: str) -> None:
    target = target.replace("SITE", urlsplit(visitor.site).netloc)
    before = look(visitor, instance)
    response = land(visitor, instance, urlencode({"next": target}))
    assert_signed_in(visitor, response, before, target=DEFAULT)


@pytest.mark.parametrize("address", [*FOREIGN, *DISGUISED[:9], "/\t/evil.test", "/\n/evil.test"])
def test_browsers_of_the_tests_are_led_astray(address: str) -> None:
    """The measure itself: a site that sent a visitor there would have lost them."""
    own = "http://rp.test/signin-callback"

    # Without two slashes, what follows the page's own scheme is a path.
    page = own if not address.startswith("https:") else own.replace("http:", "ftp:")
    assert origin(address, page).split(":")[1] == "//evil.test"
    assert origin("/a?b=//evil.test", own) == origin(own, own) == "http://rp.test:80"
    assert origin("http:/a", own) == "http://rp.test:80"
    assert origin("javascript:x", own) == origin("data:text/html,x", own) == "opaque"


@pytest.mark.parametrize("target", FOREIGN)
def test_nxt_01_foreign_address_is_dropped(
    visitor: Visitor, instance: Instance, target: str
) -> None:
    assert_lands_on_default(visitor, instance, target)


@pytest.mark.parametrize("target", DISGUISED)
def test_nxt_02_disguised_address_is_dropped(
    visitor: Visitor, instance: Instance, target: str
) -> None:
    assert_lands_on_default(visitor, instance, target)


@pytest.mark.parametrize(
    "query",
    [
        "next=/ok%0d%0aSet-Cookie:x=1",
        "next=/ok%0aSet-Cookie:x=1",
        "next=/ok%e5%98%8a%e5%98%8dSet-Cookie:x=1",
        "next=/ok%c2%85Set-Cookie:x=1",
        "next=/ok%00x",
        "next=/ok%ff%fe",
        "next=%ff%fe",
        "next=/ok%ed%a0%80",
        "next=/a&next=//evil.test",
        "next=//evil.test&next=/a",
        "next[]=//evil.test",
    ],
)
def test_nxt_03_malformed_target_harms_nobody(
    visitor: Visitor, instance: Instance, query: str
) -> None:
    response = land(visitor, instance, query)

    location = response.headers["Location"]
    assert browser_origin(visitor, location) == browser_origin(visitor, "/")
    assert location == DEFAULT or location.startswith(("/ok", "/a"))
    assert location.isascii()
    assert location.isprintable()
    assert "x" not in {cookie.name for cookie in visitor.cookies()}
    assert visitor.get(location).status_code < 500


@pytest.mark.parametrize(
    "target",
    [
        "/%09/evil.test",
        "/%0a/evil.test",
        "/%0d/evil.test",
        "/\t/evil.test",
        "/\n/evil.test",
        "/\r/evil.test",
        "\t//evil.test",
        " //evil.test",
        "%2f%2fevil.test",
        "/%2fevil.test",
        "/%5cevil.test",
        "%5c%5cevil.test",
        "\uff0f\uff0fevil.test",
        "/\uff0fevil.test",
        "//evil\u3002test",
        "https:\uff0f\uff0fevil.test",
        "//[evil.test",
        "https://[::1",
        "http://SITE:notaport/",
        "/..//evil.test",
        "/.//evil.test",
        ".//evil.test",
        "?//evil.test",
        "#//evil.test",
        ";//evil.test",
    ],
)
@pytest.mark.parametrize("https", [False, True], ids=["http", "https"])
def test_nxt_04_browsers_stay_on_this_site(
    new_visitor: Callable[..., Visitor], instance: Instance, https: bool, target: str
) -> None:
    visitor = new_visitor(https=https)
    target = target.replace("SITE", urlsplit(visitor.site).netloc)

    response = land(visitor, instance, urlencode({"next": target}))

    location = response.headers["Location"]
    assert browser_origin(visitor, location) == browser_origin(visitor, "/")


@pytest.mark.parametrize(
    "target",
    [
        "http://SITE/private",
        "https://HOST:8443/private",
        "https://HOST/private",
        "https://user:pw@SITE/private",
        "https://user@SITE/private",
        "//user@SITE/private",
    ],
)
def test_nxt_05_own_host_otherwise_reached_is_dropped(
    new_visitor: Callable[..., Visitor], instance: Instance, target: str
) -> None:
    visitor = new_visitor(https=True)

    assert_lands_on_default(
        visitor, instance, target.replace("HOST", str(urlsplit(visitor.site).hostname))
    )


def test_nxt_05_own_address_in_full_is_kept(
    new_visitor: Callable[..., Visitor], instance: Instance
) -> None:
    visitor = new_visitor(https=True)

    response = land(visitor, instance, urlencode({"next": f"{visitor.site}/private"}))

    assert response.headers["Location"] == f"{visitor.site}/private"


@pytest.mark.parametrize("characters", [200, 700, 800, 1000, 3000, 6144])
def test_nxt_06_long_target_does_not_cost_the_sign_in(
    visitor: Visitor, instance: Instance, characters: int
) -> None:
    # Hexadecimal digits of something random: what compresses well would prove less.
    target = "/private?q=" + "".join(f"{n * 2654435761 % 2**32:08x}" for n in range(characters))
    target = target[:characters]
    # Another tab has one as long, and loses nothing by it.
    other = visitor.start(target)

    before = look(visitor, instance)
    response = land(visitor, instance, urlencode({"next": target}))

    reached = target if characters <= 200 else response.headers["Location"]
    assert reached in (target, DEFAULT)
    assert_signed_in(visitor, response, before, target=reached)
    # A browser drops what is longer, and the sign-in with it.
    assert all(len(f"{cookie.name}={cookie.value}") <= 4096 for cookie in visitor.cookies())
    before = look(visitor, instance)
    assert_signed_in(visitor, visitor.bring(visitor.at(other)), before, target=reached)


@pytest.mark.parametrize("extra", ["https://evil.test", "/admin/"])
@pytest.mark.parametrize("start_with", [None, "/private"])
@pytest.mark.parametrize("flow", ["form_post", "form_post with a query", "query", "carried"])
def test_nxt_08_target_in_the_answer_is_ignored(
    visitor: Visitor,
    instance: Instance,
    configure: Callable[..., None],
    flow: str,
    start_with: str | None,
    extra: str,
) -> None:
    if flow == "query":
        configure(RESPONSE_TYPE="code")
    answer = visitor.at(visitor.start(start_with))
    more = ("next", extra)
    before = look(visitor, instance)

    if flow in ("form_post", "query"):
        response = visitor.bring(answer, [more, *answer.fields, more])
    elif flow == "form_post with a query":
        address = f"{answer.url}?{urlencode([more])}"
        response = visitor.carried(visitor.relay(address, urlencode(answer.fields)))
    else:
        relayed = visitor.relay(answer.url, urlencode(answer.fields))
        response = visitor.arrive(f"{relayed.headers['Location']}&{urlencode([more])}")

    assert_signed_in(visitor, response, before, target=start_with or DEFAULT)


@pytest.mark.parametrize(
    "target",
    [
        "/orders/?q=%D0%B9&x=//evil.test#frag",
        "/orders/?next=https%3A%2F%2Fevil.test%2F",
        "/a;b=1/c,d/@e:f!$'()*+~?g=%20h+i&j=[k]",
        "/a:b@evil.test/",
        "/100%25",
    ],
)
def test_nxt_09_own_target_is_kept_to_the_letter(
    visitor: Visitor, instance: Instance, target: str
) -> None:
    before = look(visitor, instance)
    response = land(visitor, instance, urlencode({"next": target}))

    assert_signed_in(visitor, response, before, target=target)


def test_nxt_09_target_beyond_ascii_is_kept(visitor: Visitor, instance: Instance) -> None:
    response = land(visitor, instance, urlencode({"next": "/поръчки/?q=й"}))

    assert response.headers["Location"] == quote("/поръчки/?q=й", safe="/?=")


@pytest.mark.parametrize("target", [*FOREIGN, *DISGUISED, "/\t/evil.test"])
def test_nxt_10_foreign_target_of_a_sign_out_is_dropped(
    visitor: Visitor, instance: Instance, configure: Callable[..., None], target: str
) -> None:
    target = target.replace("SITE", urlsplit(visitor.site).netloc)
    visitor.sign_in()

    asked = visitor.get("/signout", params={"next": target})
    assert "evil.test" not in asked.text
    assert "javascript:" not in asked.text
    left = visitor.post("/signout", {"next": target})

    at_instance = left.headers["Location"]
    assert at_instance.startswith(f"{instance.issuer}/connect/endsession?")
    assert "evil" not in at_instance
    back = visitor.at_instance.get(at_instance, allow_redirects=False).headers["Location"]
    assert back.startswith(f"{visitor.site}/signout-callback?state=")
    page = visitor.arrive(back)
    assert (page.status_code, page.headers.get("Location")) == (200, None)
    assert visitor.whoami()["user"] == ""


def test_target_is_kept_by_the_page_of_a_sign_in_that_failed(
    visitor: Visitor, instance: Instance
) -> None:
    answer = visitor.at(visitor.start("/private?a=1"))
    instance.next_token_answer(error="invalid_grant")

    failed = visitor.bring(answer)

    assert failed.status_code == 400
    (again,) = re.findall(r'href="/signin\?([^"]*)"', failed.text)
    assert land(visitor, instance, unescape(again)).headers["Location"] == "/private?a=1"


@pytest.mark.parametrize("default", [None, "/private"])
@pytest.mark.parametrize("target", ["//evil.test", "https://evil.test/", "/\\evil.test"])
def test_nxt_10_foreign_target_after_a_sign_out_is_dropped(
    visitor: Visitor,
    configure: Callable[..., None],
    settings: Any,
    target: str,
    default: str | None,
) -> None:
    settings.LOGOUT_REDIRECT_URL = default
    visitor.sign_in()
    at_instance = urlsplit(visitor.post("/signout", {"next": target}).headers["Location"])
    state = dict(parse_qsl(at_instance.query))["state"]

    for query in ({"next": target}, {"next": target, "state": state}, {"state": target}):
        response = visitor.arrive(f"/signout-callback?{urlencode(query)}")
        assert response.status_code == (302 if default else 200)
        assert response.headers.get("Location") == default
        assert "evil.test" not in response.text
    # Nobody is signed in any more, and there is no sign-in at the instance to end.
    response = visitor.post("/signout", {"next": target})
    assert response.headers["Location"] == (default or "/signout-callback")


def test_nxt_10_own_target_of_a_sign_out_is_reached(
    visitor: Visitor, instance: Instance, configure: Callable[..., None]
) -> None:
    visitor.sign_in()

    at_instance = visitor.post("/signout", {"next": "/plain?a=%D0%B9"}).headers["Location"]
    back = visitor.at_instance.get(at_instance, allow_redirects=False).headers["Location"]

    assert visitor.arrive(back).headers["Location"] == "/plain?a=%D0%B9"
