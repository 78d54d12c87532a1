"""Rows NXT of the cases: where a visitor lands, and that it is never another site."""

import re
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from ..support.outcomes import assert_signed_in, look
from ..support.whatwg import origin

DEFAULT = "/basket"


# A few of those that `test_targets.py` has: SITE stands for the site's own host and port.
@pytest.fixture(autouse=True)
def default_target(settings):
    settings.LOGIN_REDIRECT_URL = DEFAULT


def land(visitor, instance, query):
    """Signs in from ``/signin?<query>``; the answer that sends the visitor on."""
    response = visitor.get(f"/signin?{query}")
    assert response.status_code == 302, response.text
    assert response.headers["Location"].startswith(f"{instance.issuer}/connect/authorize?")
    response = visitor.bring(visitor.at(response.headers["Location"]))
    assert response.status_code == 302, response.text
    assert visitor.whoami()["user"] == "maria"
    return response


def browser_origin(visitor, location):
    return origin(location, f"{visitor.site}/signin-callback")


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
def test_nxt_03_malformed_target_harms_nobody(visitor, instance, query):
    response = land(visitor, instance, query)

    location = response.headers["Location"]
    assert browser_origin(visitor, location) == browser_origin(visitor, "/")
    assert location == DEFAULT or location.startswith(("/ok", "/a"))
    assert location.isascii()
    assert location.isprintable()
    assert "x" not in {cookie.name for cookie in visitor.cookies()}
    assert visitor.get(location).status_code < 500


@pytest.mark.parametrize("characters", [200, 1000, 6144])
def test_nxt_06_long_target_does_not_cost_the_sign_in(visitor, instance, characters):
    # Hexadecimal digits that do not compress well.
    target = "/private?q=" + "".join(f"{n * 2654435761 % 2**32:08x}" for n in range(characters))
    target = target[:characters]
    # Another tab has one as long, and loses nothing by it.
    other = visitor.start(target)

    before = look(visitor, instance)
    response = land(visitor, instance, urlencode({"next": target}))

    reached = target if characters <= 200 else response.headers["Location"]
    assert reached in (target, DEFAULT)
    assert_signed_in(visitor, response, before, target=reached)
    # A browser drops a longer cookie, and the sign-in with it.
    assert all(len(f"{cookie.name}={cookie.value}") <= 4096 for cookie in visitor.cookies())
    before = look(visitor, instance)
    assert_signed_in(visitor, visitor.bring(visitor.at(other)), before, target=reached)


@pytest.mark.parametrize("flow", ["form_post", "form_post with a query", "query", "carried"])
def test_nxt_08_target_in_the_answer_is_ignored(visitor, instance, configure, flow):
    if flow == "query":
        configure(RESPONSE_TYPE="code")
    answer = visitor.at(visitor.start("/private"))
    more = ("next", "/admin/")
    before = look(visitor, instance)

    if flow in ("form_post", "query"):
        response = visitor.bring(answer, [more, *answer.fields, more])
    elif flow == "form_post with a query":
        address = f"{answer.url}?{urlencode([more])}"
        response = visitor.carried(visitor.relay(address, urlencode(answer.fields)))
    else:
        relayed = visitor.relay(answer.url, urlencode(answer.fields))
        response = visitor.arrive(f"{relayed.headers['Location']}&{urlencode([more])}")

    assert_signed_in(visitor, response, before, target="/private")


def test_target_is_kept_by_the_page_of_a_sign_in_that_failed(visitor, instance):
    answer = visitor.at(visitor.start("/private?a=1"))
    instance.next_token_answer(error="invalid_grant")

    failed = visitor.bring(answer)

    assert failed.status_code == 400
    (again,) = re.findall(r'href="/signin\?([^"]*)"', failed.text)
    assert land(visitor, instance, unescape(again)).headers["Location"] == "/private?a=1"


@pytest.mark.parametrize("default", [None, "/private"])
def test_nxt_10_foreign_target_after_a_sign_out_is_dropped(visitor, configure, settings, default):
    settings.LOGOUT_REDIRECT_URL = default
    target = "//evil.test"
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
