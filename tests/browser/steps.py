"""A visitor's actions, in the words of the pages."""

import time

from playwright.sync_api import expect

EMPLOYEE = "Мария Иванова"
ADMINISTRATOR = "Elena Dimitrova"
COMMUNITY_USER = "Chris Customer"


def fill_basket(page, shop, *things):
    page.goto(f"{shop}/")
    for thing in things:
        page.get_by_role("button", name=f"Add {thing} to basket").click()
        expect(page.get_by_role("status")).to_contain_text("in your basket")
    expect_basket(page, len(things))


def expect_basket(page, count):
    expect(page.locator("#basket-count")).to_have_text(str(count))


def choose(page, person, *, script=True):
    """Signs in on the stand-in's page, which the browser has to be at."""
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_role("button", name=person).first.click()
    if not script:
        page.get_by_role("button", name="Continue").click()


def expect_at(page, address):
    expect(page).to_have_url(address)


def expect_customers(page, shop, person=EMPLOYEE):
    """The page of customers, read from the instance as this person."""
    expect_at(page, f"{shop}/customers/")
    expect(page.get_by_role("heading", name="Customers")).to_be_visible()
    expect(page.get_by_role("cell", name="Yantra Trade Ltd")).to_be_visible()
    expect_signed_in(page, person)


def expect_signed_in(page, person=EMPLOYEE):
    expect(page.locator("#signed-in-as")).to_have_text(person)


def expect_at_instance(page, demo):
    """The instance's own sign-in page: it has no session for this browser."""
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.url.startswith(f"{demo.instance.url}/")


def sign_in(page, demo, person=EMPLOYEE, *, script=True):
    page.goto(f"{demo.shop}/customers/")
    choose(page, person, script=script)
    expect_customers(page, demo.shop, person)


def sign_in_an_hour_ago(page, demo):
    """Signs in at the shop; the person has been signed in at the instance for an hour."""
    an_hour_ago = int(time.time()) - 3600
    for token in ("front_id_token", "id_token"):
        demo.instance.change_claims(token, {"auth_time": an_hour_ago})
    sign_in(page, demo)
    demo.instance.heal()


def code_requests(demo):
    """The codes that the shop asked tokens for."""
    return [call["code"] for call in demo.instance.calls("token", "authorization_code")]
