"""The same shop beside npm's oidc-provider, which shares no code with the app or the stand-in."""

from playwright.sync_api import expect

from .steps import expect_at, expect_basket, expect_signed_in, fill_basket

REFRESHED = ["refresh token spent", "granted refresh_token"]


def sign_in(page, login):
    """On the provider's own page."""
    page.get_by_placeholder("Enter any login").fill(login)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()


def expect_customers(page, provider, person):
    expect_at(page, f"{provider.shop}/customers/")
    expect(page.get_by_role("cell", name="Second Opinion Ltd.")).to_be_visible()
    expect_signed_in(page, person)


def besides_refreshes(events):
    return [event for event in events if event not in REFRESHED]


def test_signs_in_and_reads_customers(open_browser, second_provider):
    seen = len(second_provider.events())
    page = open_browser()
    fill_basket(page, second_provider.shop, "table lamp")
    page.get_by_role("link", name="Customers").click()
    sign_in(page, "maria")

    expect_customers(page, second_provider, "Maria Of Node")
    expect_basket(page, 1)
    assert besides_refreshes(second_provider.events()[seen:]) == ["granted authorization_code"]
    page.get_by_role("link", name="About me").click()
    expect(page.get_by_role("main")).to_contain_text("InternalUser")
    expect(page.get_by_role("main").locator("code").last).to_have_text("read update")


def test_refreshes_with_each_new_refresh_token(open_browser, second_provider):
    """A spent one would end the grant: three in a row show that the newest is used."""
    page = open_browser()
    page.goto(f"{second_provider.shop}/customers/")
    sign_in(page, "maria")
    expect_customers(page, second_provider, "Maria Of Node")
    seen = len(second_provider.events())

    for times in (1, 2, 3):
        page.wait_for_timeout(2_200)
        page.reload()
        expect_customers(page, second_provider, "Maria Of Node")
        events = second_provider.events()[seen:]
        # On a slow machine tokens run out between the steps, too.
        refreshes = events.count("granted refresh_token")
        assert refreshes >= times
        assert events == REFRESHED * refreshes


def test_signs_out_there_too(open_browser, second_provider):
    page = open_browser()
    page.goto(f"{second_provider.shop}/customers/")
    sign_in(page, "maria")
    expect_customers(page, second_provider, "Maria Of Node")
    seen = len(second_provider.events())

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Yes, sign me out").click()

    expect_at(page, f"{second_provider.shop}/")
    events = besides_refreshes(second_provider.events()[seen:])
    assert events[:2] == ["asked to revoke", "grant revoked"]
    assert events[-1] == "session ended"
    page.get_by_role("link", name="Customers").click()
    sign_in(page, "admin")
    expect_customers(page, second_provider, "Admin Of Node")
    expect(page.get_by_role("link", name="Admin", exact=True)).to_be_visible()
