"""The same shop beside npm's oidc-provider, which shares no code with the app or the stand-in."""

import pytest
from playwright.sync_api import expect

from ..support.demo import program
from .sites import run_second_provider
from .steps import expect_at, expect_basket, expect_signed_in, fill_basket

REFRESHED = ["refresh token spent", "granted refresh_token"]


@pytest.fixture
def provider(tmp_path):
    """A shop beside a provider nobody here wrote. Access tokens live for three seconds."""
    program("npm")
    with run_second_provider(tmp_path / "log", access_token_seconds=3) as running:
        yield running


def sign_in(page, login):
    """On the provider's own page."""
    page.get_by_placeholder("Enter any login").fill(login)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()


def expect_customers(page, provider, person):
    expect_at(page, f"{provider.shop}/customers/")
    expect(page.get_by_role("cell", name="Second Opinion Ltd.")).to_be_visible()
    expect_signed_in(page, person)


def test_signs_in_refreshes_and_signs_out_there_too(open_browser, provider):
    page = open_browser()
    fill_basket(page, provider.shop, "table lamp")
    page.get_by_role("link", name="Customers").click()
    sign_in(page, "maria")
    expect_customers(page, provider, "Maria Of Node")
    expect_basket(page, 1)
    assert provider.events()[0] == "granted authorization_code"

    # A spent refresh token would end the grant: three in a row show that the newest is used.
    for times in (1, 2, 3):
        page.wait_for_timeout(2_200)
        page.reload()
        expect_customers(page, provider, "Maria Of Node")
        events = provider.events()[1:]
        # On a slow machine tokens run out between the steps, too.
        refreshes = events.count("granted refresh_token")
        assert refreshes >= times
        assert events == REFRESHED * refreshes

    page.get_by_role("link", name="About me").click()
    expect(page.get_by_role("main")).to_contain_text("InternalUser")
    expect(page.get_by_role("main").locator("code").last).to_have_text("read update")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Yes, sign me out").click()
    expect_at(page, f"{provider.shop}/")
    events = [event for event in provider.events()[1:] if event not in REFRESHED]
    assert events[:2] == ["asked to revoke", "grant revoked"]
    assert events[-1] == "session ended"

    page.get_by_role("link", name="Customers").click()
    sign_in(page, "admin")
    expect_customers(page, provider, "Admin Of Node")
    expect(page.get_by_role("link", name="Admin", exact=True)).to_be_visible()
