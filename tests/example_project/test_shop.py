"""The pages of the example site, over HTTP."""

from __future__ import annotations

import re

from ..support.demo import Demo
from .conftest import Shopper


def test_home_page_and_its_style_sheet_answer(shopper: Shopper) -> None:
    page = shopper.open("/")
    assert page.status_code == 200
    assert "Sign in" in page.text
    sheet = re.search(r'href="(/static/shop/\w+\.css)"', page.text)[1]
    assert shopper.open(sheet).headers["Content-Type"].startswith("text/css")


def test_basket_counts_added_and_removed_goods(shopper: Shopper) -> None:
    shopper.open("/")
    assert shopper.basket_count == 0
    for product in ("lamp", "lamp", "desk"):
        shopper.press(f"/basket/add/{product}/")
    assert shopper.basket_count == 3
    shopper.press("/basket/remove/lamp/")
    assert shopper.basket_count == 1
    assert shopper.press("/basket/add/yacht/").status_code == 404


def test_pages_come_in_the_browsers_language(shopper: Shopper) -> None:
    page = shopper.get("/", headers={"Accept-Language": "bg"})
    assert '<html lang="bg">' in page.text
    assert "Настолна лампа" in page.text
    assert '<html lang="en">' in shopper.get("/", headers={"Accept-Language": "fr"}).text


def test_visitor_is_told_of_the_sign_out(demo: Demo, shopper: Shopper) -> None:
    shopper.sign_in_at("/customers/", "maria")
    shopper.post("/signout")
    assert "You are signed out." in shopper.open("/").text
    assert "You are signed out." not in shopper.open("/").text


def test_page_about_me_shows_facts_and_no_token(demo: Demo, shopper: Shopper) -> None:
    page = shopper.sign_in_at("/me/", "maria")
    assert page.url == f"{demo.shop}/me/"
    for fact in ("maria", "InternalUser", "offline_access read update", "Access token"):
        assert fact in page.text
    assert not re.search(r"eyJ|[0-9A-F]{64}", page.text)


def test_an_instance_that_refuses_shows_a_friendly_page(demo: Demo, shopper: Shopper) -> None:
    demo.instance.always("api", status=500, json={"message": "No.", "code": "Forbidden"})
    shopper.press("/basket/add/desk/")
    page = shopper.sign_in_at("/customers/", "maria")
    assert page.status_code == 502
    assert "Forbidden" in page.text
    demo.instance.heal()
    assert shopper.open("/customers/").status_code == 200
    assert shopper.basket_count == 1
