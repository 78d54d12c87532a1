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
CHOICE = re.compile(r'<select name="(\w+)".*?<option value="([^"]*)" selected>', re.DOTALL)
COMPANY = re.compile(r'<option value="([^"]*)">Demo Trading<')
ERRORS = re.compile(r'<ul class="errorlist" id="id_(\w+)_error"><li>(.*?)</li>', re.DOTALL)


def beside(page: requests.Response, rel: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page.text)
    return found[1] if found else None


def fields(page: requests.Response) -> dict[str, str]:
    form = page.text[page.text.index("<main") :]
    return {name: unescape(value) for name, value in FIELD.findall(form) + CHOICE.findall(form)}


def errors(page: requests.Response) -> dict[str, str]:
    """The errors beside each field."""
    return {name: unescape(text) for name, text in ERRORS.findall(page.text)}


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


REFUSALS = {
    "en": (
        "An error occurred while saving data to the database\n"
        "The validation R17342: CustomerAndCustomerTypeEnterpriseCompanyAreDifferent failed for"
        " event Commit: \n\n"
        "The customer with the number 'C00001' was not saved, because its Enterprise Company is"
        " not allowed here.\n\n"
        "If a customer type belongs to one enterprise company, all customers with this type should"
        " belong to the same enterprise company. (Constraint R17342)"
    ),
    "bg": (
        "Грешка при записване.\n"
        "Валидацията R17342: CustomerAndCustomerTypeEnterpriseCompanyAreDifferent не е била успешна"
        " при събитие Commit: \n\n"
        "Клиентът с номер 'C00001' не е записан, защото стойността на полето 'Фирма' не е"
        " допустима.\n\n"
        "Когато типът клиент принадлежи на определена фирма, всички клиенти от този тип трябва да"
        " принадлежат на същата фирма. (Constraint R17342)"
    ),
}


@pytest.mark.parametrize("language", REFUSALS)
def test_refusal_of_a_rule_stands_whole_beside_its_field(
    demo: Demo, shopper: Shopper, language: str
) -> None:
    shopper.http.headers["Accept-Language"] = language
    path = LINK.findall(shopper.sign_in_at("/customers/", "maria").text)[0]
    page = shopper.open(path)
    company = COMPANY.search(page.text)
    assert company is not None
    page = shopper.press(path, {**fields(page), "EnterpriseCompany": company[1]})
    assert errors(page) == {"EnterpriseCompany": REFUSALS[language]}
    assert demo.instance.counters()["open_transactions"] == 0


def test_change_is_made_in_a_frontend_transaction(demo: Demo, shopper: Shopper) -> None:
    path = LINK.findall(shopper.sign_in_at("/customers/", "maria").text)[0]
    shopper.press(path, {**fields(shopper.open(path)), "City": "Pernik"})
    calls = [call for call in demo.instance.calls("api") if call.method != "GET"]
    begun, changed, ended = (json.loads(call.body) for call in calls)
    assert (begun["model"], changed, ended) == ("frontend", {"City": "Pernik"}, {"commit": True})


def test_printout_of_an_order_is_downloaded(demo: Demo, shopper: Shopper) -> None:
    path = LINK.findall(shopper.sign_in_at("/customers/", "maria").text)[0]
    page = shopper.open(path)
    link = re.search(r'href="(/orders/[0-9a-f-]{36}/printout/)"', page.text)
    assert link is not None
    answer = shopper.open(link[1])
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.content.startswith(b"%PDF-")


def test_unknown_order_has_no_printout(demo: Demo, shopper: Shopper) -> None:
    shopper.sign_in_at("/customers/", "maria")
    unknown = "/orders/00000000-0000-4000-8000-000000000000/printout/"
    assert shopper.open(unknown).status_code == 404
