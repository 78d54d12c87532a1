"""A customer of the demo is changed in a browser."""

from playwright.sync_api import expect

from .steps import (
    EMPLOYEE,
    choose,
    expect_at,
    expect_at_instance,
    expect_signed_in,
    sign_in,
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


def test_refusal_of_a_rule_keeps_its_lines(open_browser, demo):
    page = open_browser()
    sign_in(page, demo)
    open_customer(page, "C00001")
    page.locator("[name=EnterpriseCompany]").select_option("Demo Trading")
    page.get_by_role("button", name="Save").click()
    # Its words: tests/example_project.
    assert len(page.locator("#id_EnterpriseCompany_error").inner_text().splitlines()) > 1
