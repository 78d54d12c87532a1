"""A customer of the demo is changed in a browser."""

import time

import pytest
from playwright.sync_api import expect

from ..example_project.test_customers import REFUSALS
from .steps import (
    EMPLOYEE,
    choose,
    expect_at,
    expect_at_instance,
    expect_signed_in,
    sign_in,
)


def test_a_change_waits_for_a_fresh_sign_in_and_is_not_lost(open_browser, demo):
    """The person signed in at the instance an hour ago: to look is enough, to change is not."""
    hour_ago = {"auth_time": int(time.time()) - 3600}
    for token in ("front_id_token", "id_token"):
        demo.instance.change_claims(token, hour_ago)
    page = open_browser()
    sign_in(page, demo)
    demo.instance.heal()
    row = page.get_by_role("row").filter(has_text="C00007")
    row.get_by_role("link").click()
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


@pytest.mark.parametrize("language", REFUSALS)
def test_refusal_of_a_rule_is_read_whole_beside_its_field(open_browser, demo, language):
    """With its lines, in the language of the browser."""
    page = open_browser(locale=language)
    page.goto(f"{demo.shop}/customers/")
    choose(page, EMPLOYEE)
    page.get_by_role("row").filter(has_text="C00001").get_by_role("link").click()
    page.locator("[name=EnterpriseCompany]").select_option("Demo Trading")
    page.locator("main form button").click()
    beside = page.locator("#id_EnterpriseCompany_error")
    assert beside.inner_text().splitlines() == [
        line.rstrip() for line in REFUSALS[language].split("\n")
    ]
