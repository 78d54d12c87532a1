"""A page that sends who has just signed in to sign in again does not do so without end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import requests
from django.contrib.auth import get_user_model

from erpnet_instanceid import arrivals
from erpnet_instanceid.signals import sign_in_failed
from erpnet_instanceid.testing import Instance

from ..outcomes import REDIRECTS, look
from ..visitor import Visitor

PERMITTED = "/permitted"
# As many as a browser follows of redirects within a site; there is no end to those by way of forms.
PATIENCE = 20


def go_on(
    visitor: Visitor,
    login: str | None,
    response: requests.Response,
    between: Callable[[], None] = lambda: None,
) -> tuple[int, requests.Response]:
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


def open_page(
    visitor: Visitor, login: str | None = None, path: str = PERMITTED, **more: Any
) -> tuple[int, requests.Response]:
    return go_on(visitor, login, visitor.get(path), **more)


def assert_told(response: requests.Response) -> None:
    assert response.status_code == 403
    assert "(sent_back)" in response.text
    assert "asks you to sign in again each time" in response.text
    assert "no-store" in response.headers["Cache-Control"]


def test_who_lacks_a_right_is_told(
    visitor: Visitor, instance: Instance, caplog: pytest.LogCaptureFixture
) -> None:
    failures: list[object] = []
    told = lambda **given: failures.append(given["error"])  # noqa: E731
    sign_in_failed.connect(told)

    sign_ins, page = open_page(visitor, "maria")

    sign_in_failed.disconnect(told)
    assert sign_ins == arrivals.MAX_IN_A_ROW
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


def test_somebody_else_may_enter(
    visitor: Visitor, new_visitor: Callable[..., Visitor], instance: Instance
) -> None:
    new_visitor().sign_in("admin")
    get_user_model().objects.filter(username="admin").update(is_superuser=True)
    open_page(visitor, "maria")

    # The button of the page; the instance asks who it is then.
    address = visitor.start(PERMITTED, prompt="login")
    arrived = visitor.bring(visitor.at(address, "admin"))

    assert arrived.headers["Location"] == PERMITTED
    assert visitor.get(PERMITTED).status_code == 200


def test_session_cookie_that_is_never_brought_back(visitor: Visitor, instance: Instance) -> None:
    def lose() -> None:
        visitor.http.cookies.set("sessionid", None)

    sign_ins, page = open_page(visitor, "maria", "/private", between=lose)

    assert sign_ins == arrivals.MAX_IN_A_ROW
    assert_told(page)


@pytest.mark.parametrize("expires_in", [0, -1])
def test_tokens_without_life_and_without_renewal(
    visitor: Visitor, instance: Instance, expires_in: int
) -> None:
    def shorten(answer: dict[str, Any]) -> None:
        answer["expires_in"] = expires_in
        answer.pop("refresh_token", None)

    instance.change("token_answer", shorten)

    _sign_ins, page = open_page(visitor, "maria", "/private")

    assert_told(page)


def test_each_page_counts_for_itself(visitor: Visitor, instance: Instance) -> None:
    open_page(visitor, "maria")

    sign_ins, page = go_on(visitor, None, visitor.get("/permitted?other"))

    assert sign_ins == arrivals.MAX_IN_A_ROW
    assert_told(page)


def test_who_takes_their_time_goes_on(
    visitor: Visitor, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = arrivals.time.time()
    seconds = iter(range(0, 10_000, arrivals.SECONDS + 1))
    for _ in range(arrivals.MAX_IN_A_ROW + 3):
        late = now + next(seconds)
        monkeypatch.setattr("erpnet_instanceid.arrivals.time.time", lambda late=late: late)
        assert visitor.sign_in("maria", PERMITTED).headers["Location"] == PERMITTED


def test_signing_out_and_in_again_is_no_circle(visitor: Visitor, instance: Instance) -> None:
    for _ in range(arrivals.MAX_IN_A_ROW + 3):
        assert visitor.sign_in("maria", "/private").headers["Location"] == "/private"
        visitor.post("/signout")


def test_sign_in_of_ones_own_accord_is_no_circle(visitor: Visitor, instance: Instance) -> None:
    for _ in range(arrivals.MAX_IN_A_ROW + 3):
        address = visitor.start("/private", prompt="login")
        assert visitor.bring(visitor.at(address, "maria")).headers["Location"] == "/private"


@pytest.mark.parametrize(
    "mark",
    [
        "",
        "5",
        "5.5.5",
        "-5.1.0",
        "5.99999999999999999999.0123456789abcdef",
        "5" * 4000,
        "9.0.{digest}",
        "9.9999999999.{digest}",
        "x.{now}.{digest}",
        "²5.{now}.{digest}",
    ],
)
def test_mark_that_is_none_says_nothing(visitor: Visitor, instance: Instance, mark: str) -> None:
    visitor.sign_in("maria", "/private")
    (cookie,) = visitor.cookies("erpnet_arrived")
    _count, now, digest = str(cookie.value).split(".")
    cookie.value = mark.format(now=now, digest=digest).encode().decode("latin-1")
    before = look(visitor, instance)

    response = visitor.sign_in("maria", "/private")

    assert response.headers["Location"] == "/private"
    assert visitor.whoami()["user"] == before.who["user"]
