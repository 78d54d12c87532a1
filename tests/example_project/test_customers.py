"""The example site's customers, page by page and one to change, over HTTP."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
import requests

from ..support.demo import Demo
from .conftest import Shopper

NUMBER = re.compile(r"<td>(C\d{5})</td>")
LINK = re.compile(r'href="(/customers/[0-9a-f-]{36}/)"')
FIELD = re.compile(r'<input type="(?:hidden|text|email|number)" name="(\w+)"(?: value="([^"]*)")?')


def beside(page: requests.Response, rel: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page.text)
    return found[1] if found else None


def fields(page: requests.Response) -> dict[str, str]:
    form = page.text[page.text.index("<main") :]
    return {name: unescape(value) for name, value in FIELD.findall(form)}


def changes(demo: Demo) -> list[dict[str, str]]:
    calls = demo.instance.calls("api")
    return [json.loads(call.body) for call in calls if call.method == "PATCH"]


def test_five_hundred_customers_come_in_pages_forth_and_back(demo: Demo, shopper: Shopper) -> None:
    page = shopper.sign_in_at("/customers/", "maria")
    assert beside(page, "prev") is None
    assert "1–20 of 500" in page.text
    found, pages = NUMBER.findall(page.text), [page.url]
    while onward := beside(page, "next"):
        page = shopper.open(onward)
        found += NUMBER.findall(page.text)
        pages.append(page.url)
    assert found == [f"C{number:05d}" for number in range(1, 501)]
    assert "481–500 of 500" in page.text
    assert len(demo.instance.calls("api")) == len(pages) == 25
    while back := beside(page, "prev"):
        pages.remove(page.url)
        page = shopper.open(back)
    assert pages == [page.url] == [f"{demo.shop}/customers/"]


@pytest.mark.parametrize("number", ["0", "26", "9" * 5000])
def test_there_is_no_such_page(demo: Demo, shopper: Shopper, number: str) -> None:
    shopper.sign_in_at("/customers/", "maria")
    assert shopper.open(f"/customers/page/{number}/").status_code == 404


def test_an_unknown_customer_is_not_found(demo: Demo, shopper: Shopper) -> None:
    shopper.sign_in_at("/customers/", "maria")
    unknown = "/customers/00000000-0000-4000-8000-000000000000/"
    assert shopper.open(unknown).status_code == 404


def test_change_sends_only_the_changed_fields(demo: Demo, shopper: Shopper) -> None:
    path = LINK.findall(shopper.sign_in_at("/customers/", "maria").text)[0]
    form = fields(shopper.open(path))
    assert form.keys() >= {"Name", "City", "Email", "CreditLimit"}
    page = shopper.press(path, {**form, "City": "Русе & Co", "CreditLimit": "7"})
    assert page.url == demo.shop + path
    assert "The customer is changed." in page.text
    assert fields(page)["City"] == "Русе & Co"
    assert changes(demo) == [{"City": "Русе & Co", "CreditLimit": 7}]


def test_invalid_form_does_not_reach_the_instance(demo: Demo, shopper: Shopper) -> None:
    path = LINK.findall(shopper.sign_in_at("/customers/", "maria").text)[0]
    page = shopper.press(path, {**fields(shopper.open(path)), "CreditLimit": "-1"})
    assert page.status_code == 200
    assert fields(page)["CreditLimit"] == "-1"
    assert changes(demo) == []


def test_missing_scope_is_reported_and_the_form_stays_filled(demo: Demo, shopper: Shopper) -> None:
    demo.instance.change_claims("access_token", {"scope": ["openid", "read"]})
    path = LINK.findall(shopper.sign_in_at("/customers/", "maria").text)[0]
    page = shopper.press(path, {**fields(shopper.open(path)), "City": "Pernik"})
    assert page.status_code == 200
    assert "The token lacks the scope update." in page.text
    assert fields(page)["City"] == "Pernik"
