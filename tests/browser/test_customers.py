"""A customer of the demo is changed in a browser."""

import pytest
from playwright.sync_api import expect

from erpnet_instanceid.testing.world.rules import ready_rules

from .steps import (
    EMPLOYEE,
    choose,
    expect_at,
    expect_at_instance,
    expect_signed_in,
    sign_in_an_hour_ago,
)


def open_customer(page, number):
    page.get_by_role("row").filter(has_text=number).get_by_role("link").click()


def test_a_change_waits_for_a_fresh_sign_in_and_is_not_lost(open_browser, demo):
    """To look, a sign-in at the instance an hour ago is enough, to change it is not."""
    page = open_browser()
    sign_in_an_hour_ago(page, demo)
    open_customer(page, "C00007")
    address = page.url
    page.get_by_label("City").fill("Veliko Tarnovo")
    page.get_by_label("Credit limit").fill("12345")
    page.get_by_role("button", name="Save").click()

    expect_at_instance(page, demo)
    choose(page, EMPLOYEE)
    expect(page.get_by_role("heading")).to_have_text("You are signed in again")
    page.get_by_role("button", name="Send it now").click()

    expect_at(page, address)
    expect(page.get_by_role("status")).to_have_text("The customer is changed.")
    expect_signed_in(page)
    page.reload()
    expect(page.get_by_label("City")).to_have_value("Veliko Tarnovo")
    expect(page.get_by_label("Credit limit")).to_have_value("12345")
    # A second change needs no other sign-in.
    page.get_by_label("City").fill("Gabrovo")
    page.get_by_role("button", name="Save").click()
    expect_at(page, address)
    expect(page.get_by_label("City")).to_have_value("Gabrovo")


@pytest.mark.parametrize("language", ["en", "bg"])
def test_refusal_of_a_rule_is_read_whole_beside_its_field(open_browser, demo, language):
    page = open_browser(locale=language)
    page.goto(f"{demo.shop}/customers/")
    choose(page, EMPLOYEE)
    open_customer(page, "C00001")
    page.locator("[name=EnterpriseCompany]").select_option("Demo Trading")
    page.locator("main form button").click()
    (rule,) = [rule for rule in ready_rules() if rule.model == "frontend"]
    told = rule.refusal({"Number": "C00001"}).texts[language].splitlines()
    beside = page.locator("#id_EnterpriseCompany_error").inner_text().splitlines()
    assert beside == [line.rstrip() for line in told]
