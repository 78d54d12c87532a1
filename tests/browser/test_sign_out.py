"""Signing out of the demo, in a browser."""

import pytest
from playwright.sync_api import expect

from .steps import (
    ADMINISTRATOR,
    choose,
    expect_at,
    expect_at_instance,
    expect_customers,
    sign_in,
)


@pytest.mark.parametrize(
    ("same_site", "script"), [("Lax", True), ("Strict", False)], ids=["Lax", "Strict, no script"]
)
def test_signing_out_ends_the_session_here_and_at_the_instance(open_browser, demo, script):
    page = open_browser(java_script_enabled=script)
    sign_in(page, demo, script=script)
    assert demo.instance.has_session("maria")
    assert demo.instance.counters()["open_refresh_tokens"] == 1

    page.get_by_role("button", name="Sign out").click()

    expect_at(page, f"{demo.shop}/")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("You are signed out.")
    assert not demo.instance.has_session("maria")
    assert demo.instance.counters()["open_refresh_tokens"] == 0
    page.get_by_role("link", name="Customers").click()
    expect_at_instance(page, demo)
    choose(page, ADMINISTRATOR, script=script)
    expect_customers(page, demo.shop, ADMINISTRATOR)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_large_id_token_is_posted_to_the_instance(open_browser, demo, script):
    """So the instance does not ask, and sends the visitor back."""
    demo.instance.change_claims("id_token", {"note": "x" * 3000})
    page = open_browser(java_script_enabled=script)
    sign_in(page, demo, script=script)
    page.get_by_role("button", name="Sign out").click()
    if not script:
        page.get_by_role("button", name="Continue").click()
    expect_at(page, f"{demo.shop}/")
    assert not demo.instance.has_session("maria")
    (sent,) = demo.instance.calls("end_session")
    assert len(sent["id_token_hint"]) > 4800


def test_back_button_shows_no_page_from_before_the_sign_out(open_browser, demo):
    page = open_browser()
    sign_in(page, demo)
    page.get_by_role("button", name="Sign out").click()
    expect_at(page, f"{demo.shop}/")

    page.go_back()

    expect_at_instance(page, demo)
    expect(page.get_by_role("heading", name="Customers")).to_be_hidden()
