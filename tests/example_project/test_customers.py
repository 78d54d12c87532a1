"""The example site's customers, page by page and one to change, over HTTP."""

import json
import re
from html import unescape

import pytest

from erpnet_instanceid.testing.world.rules import ready_rules

NUMBER = re.compile(r"<td>(C\d{5})</td>")
LINK = re.compile(r'href="(/customers/[0-9a-f-]{36}/)"')
FIELD = re.compile(r'<input type="(?:hidden|text|email|number)" name="(\w+)"(?: value="([^"]*)")?')
CHOICE = re.compile(r'<select name="(\w+)".*?<option value="([^"]*)" selected>', re.DOTALL)
COMPANY = re.compile(r'<option value="([^"]*)">Demo Trading<')
ERRORS = re.compile(r'<ul class="errorlist" id="id_(\w+)_error"><li>(.*?)</li>', re.DOTALL)


def beside(page, rel):
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page.text)
    return found[1] if found else None


def fields(page):
    form = page.text[page.text.index("<main") :]
    return {name: unescape(value) for name, value in FIELD.findall(form) + CHOICE.findall(form)}


def errors(page):
    """The errors beside each field."""
    return {name: unescape(text) for name, text in ERRORS.findall(page.text)}


def first_customer(shopper):
    """The page of the first customer, for somebody who has just signed in."""
    return shopper.open(LINK.search(shopper.sign_in_at("/customers/", "maria").text)[1])


def test_customers_come_in_pages_forth_and_back(demo, shopper):
    page = shopper.sign_in_at("/customers/", "maria")
    assert beside(page, "prev") is None
    assert "1–20 of 500" in page.text
    page = shopper.open(beside(page, "next"))
    assert NUMBER.findall(page.text) == [f"C{number:05d}" for number in range(21, 41)]
    assert shopper.open(beside(page, "prev")).url == f"{demo.shop}/customers/"
    page = shopper.open("/customers/page/25/")
    assert "481–500 of 500" in page.text
    assert beside(page, "next") is None


UNKNOWN = "00000000-0000-4000-8000-000000000000"


def test_unknown_page_customer_or_order_is_not_found(shopper):
    shopper.sign_in_at("/customers/", "maria")
    for page in ("0", "26", "9" * 5000):
        assert shopper.open(f"/customers/page/{page}/").status_code == 404
    assert shopper.open(f"/customers/{UNKNOWN}/").status_code == 404
    assert shopper.open(f"/orders/{UNKNOWN}/printout/").status_code == 404


def test_changed_fields_are_sent_in_a_transaction(demo, shopper):
    before = first_customer(shopper)
    form = fields(before)
    assert form.keys() >= {"Name", "City", "Email", "CreditLimit"}
    page = shopper.press(before.url, {**form, "City": "Русе & Co", "CreditLimit": "7"})
    assert page.url == before.url
    assert "The customer is changed." in page.text
    assert fields(page)["City"] == "Русе & Co"
    calls = [call for call in demo.instance.calls("api") if call.method != "GET"]
    begun, changed, ended = (json.loads(call.body) for call in calls)
    assert (begun["model"], ended) == ("frontend", {"commit": True})
    assert changed == {"City": "Русе & Co", "CreditLimit": 7}


def test_invalid_form_does_not_reach_the_instance(demo, shopper):
    page = first_customer(shopper)
    page = shopper.press(page.url, {**fields(page), "CreditLimit": "-1"})
    assert page.status_code == 200
    assert fields(page)["CreditLimit"] == "-1"
    assert {call.method for call in demo.instance.calls("api")} == {"GET"}


@pytest.mark.parametrize("language", ["en", "bg"])
def test_refusal_of_a_rule_stands_whole_beside_its_field(demo, shopper, language):
    shopper.http.headers["Accept-Language"] = language
    page = first_customer(shopper)
    company = COMPANY.search(page.text)[1]
    page = shopper.press(page.url, {**fields(page), "EnterpriseCompany": company})
    (rule,) = [rule for rule in ready_rules() if rule.model == "frontend"]
    refusal = rule.refusal({"Number": "C00001"}).texts[language].replace("\r\n", "\n")
    assert errors(page) == {"EnterpriseCompany": refusal}
    assert demo.instance.counters()["open_transactions"] == 0


def test_printout_of_an_order_is_downloaded(demo, shopper):
    page = first_customer(shopper)
    link = re.search(r'href="(/orders/[0-9a-f-]{36}/printout/)"', page.text)
    answer = shopper.open(link[1])
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.content.startswith(b"%PDF-")
    assert b"Sales order SO" in answer.content
