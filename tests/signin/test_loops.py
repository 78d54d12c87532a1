"""A page that sends a visitor who has just signed in to sign in again: not without end."""

import logging
import time

import pytest
from django.test import RequestFactory

from erpnet_instanceid.signals import sign_in_failed
from erpnet_instanceid.signin import loops

from ..support.outcomes import REDIRECTS

# As many as a browser follows of redirects within a site; there is no end to those by way of forms.
PATIENCE = 20


def go_on(visitor, login, response, between=lambda: None):
    """Goes wherever a page sends the browser, without a click once ``login`` has been chosen.

    How many sign-ins that takes, and where it ends.
    """
    for sign_ins in range(PATIENCE):
        if response.status_code not in REDIRECTS:
            return sign_ins, response
        start = visitor.get(response.headers["Location"])
        if start.status_code not in REDIRECTS:
            return sign_ins, start
        arrived = visitor.bring(visitor.at(start.headers["Location"], login))
        login = None
        between()
        response = visitor.get(arrived.headers["Location"])
    raise AssertionError(f"no end after {PATIENCE} sign-ins")


def open_page(visitor, login, path="/permitted", **more):
    return go_on(visitor, login, visitor.get(path), **more)


def assert_told(response):
    assert response.status_code == 403
    assert "(sent_back)" in response.text
    assert "keeps asking you to sign in again" in response.text
    assert "no-store" in response.headers["Cache-Control"]


def test_visitor_without_a_right_is_told(visitor, caplog, receive):
    failures = []
    receive(sign_in_failed, lambda *, error, **_kwargs: failures.append(error))

    sign_ins, page = open_page(visitor, "maria")

    assert sign_ins == loops.MAX_IN_A_ROW
    assert_told(page)
    assert "Sign in as somebody else" in page.text
    assert 'href="/signin?next=/permitted&amp;prompt=login"' in page.text.replace("%2F", "/")
    assert [str(error).split(" ")[0] for error in failures] == ["sent_back"]
    (line,) = [record for record in caplog.records if "sent_back" in record.getMessage()]
    assert line.levelno == logging.WARNING
    assert "raise_exception" in line.getMessage()
    # They are signed in all the same.
    assert visitor.whoami()["user"] == "maria"
    assert visitor.get("/private").status_code == 200


def test_session_cookie_that_is_never_brought_back(visitor):
    lose = lambda: visitor.http.cookies.set("sessionid", None)  # noqa: E731
    sign_ins, page = open_page(visitor, "maria", "/private", between=lose)
    assert sign_ins == loops.MAX_IN_A_ROW
    assert_told(page)


def test_circle_of_a_page_whose_address_changes(visitor):
    visitor.sign_in("maria")
    for turn in range(PATIENCE):
        start = visitor.get(f"/signin?next=/permitted%3Fturn%3D{turn}")
        if start.status_code not in REDIRECTS:
            assert_told(start)
            return
        visitor.bring(visitor.at(start.headers["Location"], None))
    raise AssertionError(f"no end after {PATIENCE} sign-ins")


def test_tabs_that_open_at_once_are_no_circle(visitor):
    pages = [f"/private?{number}" for number in range(3)]
    for _ in range(2):
        answers = [visitor.at(visitor.start(page), "maria") for page in pages]
        for answer, page in zip(answers, pages, strict=True):
            assert visitor.bring(answer).headers["Location"] == page


def test_visitor_may_try_again_after_the_page(visitor):
    """Also without the button's prompt."""
    open_page(visitor, "maria")
    assert visitor.sign_in("maria", "/private").headers["Location"] == "/private"


@pytest.mark.django_db(transaction=True)
def test_test_client_may_sign_in_as_often_as_it_likes(client, instance_sign_in):
    for turn in range(loops.MAX_IN_A_ROW + 3):
        arrived = instance_sign_in(client, ["maria", "admin"][turn % 2], next="/private")
        assert arrived["Location"] == "/private"


def test_signing_out_and_in_again_is_no_circle(visitor):
    for _ in range(loops.MAX_IN_A_ROW + 3):
        assert visitor.sign_in("maria", "/private").headers["Location"] == "/private"
        visitor.post("/signout")


def test_sign_in_of_ones_own_accord_is_no_circle(visitor):
    for _ in range(loops.MAX_IN_A_ROW + 3):
        address = visitor.start("/private", prompt="login")
        assert visitor.bring(visitor.at(address, "maria")).headers["Location"] == "/private"


@pytest.mark.parametrize(
    ("mark", "count"),
    [
        ("3.{now}", 3),
        # By the clock of another host.
        ("3.{ahead}", 3),
        ("3.{late}", 0),
        ("3.{early}", 0),
        ("", 0),
        ("9.9.9", 0),
        ("x.{now}", 0),
        ("\u00b29.{now}", 0),
        ("9" * 4000, 0),
        # A neighbouring site may have set the second one.
        ("3.{now}; erpnet_arrived=5.{now}", 0),
    ],
)
def test_mark_counts_where_it_is_whole_and_new(mark, count):
    now = int(time.time())
    times = {"now": now, "ahead": now + 3, "late": now + 60, "early": now - 12}
    cookie = f"erpnet_arrived={mark.format(**times)}"
    assert loops.in_a_row(RequestFactory().get("/", HTTP_COOKIE=cookie)) == count
