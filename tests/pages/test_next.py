"""Rows NXT of the cases: where a visitor lands, and that it is never another site."""

import re
import secrets
from html import unescape
from urllib.parse import urlencode

import pytest

from erpnet_instanceid.sealing import seal

from ..support.outcomes import assert_signed_in, look


def land(visitor, instance, query):
    """Signs in from ``/signin?<query>``; the answer that sends the visitor on."""
    response = visitor.get(f"/signin?{query}")
    assert response.status_code == 302, response.text
    assert response.headers["Location"].startswith(f"{instance.issuer}/connect/authorize?")
    response = visitor.bring(visitor.at(response.headers["Location"]))
    assert response.status_code == 302, response.text
    assert visitor.whoami()["user"] == "maria"
    return response


LETTERS = "0123456789abcdefABCDEF-_"


@pytest.mark.parametrize(
    ("query", "is_kept"),
    [
        (secrets.token_hex(500), True),
        ("x" * 1989, True),
        ((LETTERS * 83)[:1989], True),
        (secrets.token_hex(3072), False),
    ],
    ids=["random", "one letter", "all letters", "too long"],
)
def test_nxt_06_long_target_does_not_cost_the_sign_in(visitor, instance, settings, query, is_kept):
    settings.LOGIN_REDIRECT_URL = "/basket"
    target = f"/private?q={query}"
    # Another tab has one as long, and loses nothing by it.
    other = visitor.start(target)

    before = look(visitor, instance)
    response = land(visitor, instance, urlencode({"next": target}))

    reached = target if is_kept else "/basket"
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
    answer = visitor.at(visitor.start("/private?a=й"))
    instance.next_token_answer(error="invalid_grant")

    failed = visitor.bring(answer)

    assert failed.status_code == 400
    (again,) = re.findall(r'href="/signin\?([^"]*)"', failed.text)
    assert land(visitor, instance, unescape(again)).headers["Location"] == "/private?a=%D0%B9"


@pytest.mark.django_db
@pytest.mark.parametrize("default", [None, "/private"])
def test_nxt_10_foreign_target_after_a_sign_out_is_dropped(client, instance, settings, default):
    settings.LOGOUT_REDIRECT_URL = default
    target = "//evil.test"

    response = client.post("/signout", {"next": target})

    assert response["Location"] == (default or "/signout-callback")
    for state in ("", target, seal("signout", target.encode())):
        response = client.get("/signout-callback", {"next": target, "state": state})
        assert response.status_code == (302 if default else 200)
        assert response.get("Location") == default
        assert target not in response.text
