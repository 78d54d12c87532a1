"""Every page a visitor may meet, as axe and a camera see it.

On a desk and a phone, by day and by night, in English and Bulgarian.
"""

import gettext
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from ..support.demo import ROOT
from .steps import (
    ADMINISTRATOR,
    COMMUNITY_USER,
    EMPLOYEE,
    choose,
    expect_at_instance,
    fill_basket,
    sign_in,
)

SIZES = {"phone": {"width": 390, "height": 780}, "desk": {"width": 1200, "height": 750}}
# Bulgarian has the longer words, and a phone the narrower screen.
WAYS = [("desk", "light", "en"), ("phone", "dark", "bg")]
SHOP_NAME = "Corner & Oak"
BRIGHTNESS = """() => {
    const canvas = document.createElement("canvas").getContext("2d");
    canvas.fillStyle = getComputedStyle(document.body).backgroundColor;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data[1];
}"""


@dataclass(frozen=True)
class Album:
    """Looks a page over, and takes its picture."""

    directory: Path
    size: str
    scheme: str
    language: str

    def say(self, text):
        """The text in the language of the pictures."""
        if self.language == "en":
            return text
        texts = gettext.translation("django", ROOT / "erpnet_instanceid" / "locale", ["bg"])
        shop = ROOT / "example_project" / "shop" / "locale"
        texts.add_fallback(gettext.translation("django", shop, ["bg"]))
        return texts.gettext(text)

    def take(self, page, name, heading, come):
        """Looks at the page that ``come`` leads to. Only that page is in another language."""
        # Django prefers its cookie to the browser's language.
        chosen = {"name": "django_language", "value": self.language}
        page.context.add_cookies([{**chosen, "domain": "localhost", "path": "/"}])
        come()
        title = self.say(heading) % {"site_name": SHOP_NAME}
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
        page.wait_for_load_state()
        page.context.clear_cookies(name="django_language")
        kind = f"{self.size}-{self.scheme}-{self.language}"
        page.screenshot(path=self.directory / f"{name}-{kind}.png", full_page=True)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= SIZES[self.size]["width"], f"{name} is wider than the screen"
        assert (page.evaluate(BRIGHTNESS) < 128) == (self.scheme == "dark"), name
        faults = Axe().run(page).response["violations"]
        assert [(each["help"], each["nodes"][0]["html"]) for each in faults] == [], name


@pytest.fixture(params=WAYS, ids="-".join)
def album(request, screenshots):
    return Album(screenshots, *request.param)


@pytest.fixture
def new_page(open_browser, album):
    return lambda: open_browser(color_scheme=album.scheme, viewport=SIZES[album.size])


def test_pages_of_a_visit(new_page, demo, album):
    page, shop = new_page(), demo.shop

    def go(path):
        return lambda: page.goto(shop + path)

    fill_basket(page, shop, "table lamp", "wall shelf")
    album.take(page, "home", "Things for a quiet room", go("/"))
    page.goto(f"{shop}/customers/")
    expect_at_instance(page, demo)
    # The stand-in's own pages are in English.
    english = Album(album.directory, album.size, album.scheme, "en")
    english.take(page, "stand-in", "Sign in", page.reload)
    album.take(page, "customers", "Customers", lambda: choose(page, EMPLOYEE))
    album.take(page, "me", "About me", go("/me/"))
    album.take(page, "no-administrator", "This page is not for you", go("/admin/"))
    album.take(page, "not-found", "There is no such page", go("/not-found/"))
    album.take(page, "sign-out", "Sign out?", go("/signout"))
    demo.instance.next_answer("api", status=503)
    album.take(page, "instance-away", "The instance does not answer", go("/customers/"))
    demo.instance.next_answer("api", status=400, body='{"error": {"message": "No"}}')
    album.take(page, "refused", "The instance said no", go("/customers/"))
    page.goto(shop)
    sign_out = page.get_by_role("button", name="Sign out")
    album.take(page, "after-sign-out", "Things for a quiet room", sign_out.click)


def test_pages_about_customers(new_page, demo, album):
    demo.instance.set(licence_slots=1)
    demo.instance.change_claims("access_token", {"scope": ["openid", "read"]})
    page = new_page()
    sign_in(page, demo)
    second = f"{demo.shop}/customers/page/2/"
    album.take(page, "customers-page-2", "Customers", lambda: page.goto(second))
    customer = page.locator("tbody").get_by_role("link").first
    name = customer.inner_text()
    album.take(page, "customer", name, customer.click)
    page.locator("[name=City]").fill("Gabrovo")
    save = page.locator("main form button")
    album.take(page, "customer-refused", name, save.click)
    expect(page.get_by_role("listitem")).to_contain_text("update")
    page = new_page()
    page.goto(f"{demo.shop}/customers/")
    come = lambda: choose(page, ADMINISTRATOR)  # noqa: E731
    album.take(page, "no-licence", "All licences are in use", come)


def test_pages_about_a_form_sent_too_late(new_page, demo, album):
    hour_ago = {"auth_time": int(time.time()) - 3600}
    for token in ("front_id_token", "id_token"):
        demo.instance.change_claims(token, hour_ago)
    page = new_page()
    sign_in(page, demo)
    demo.instance.heal()
    customer = page.locator("tbody").get_by_role("link").first
    name = customer.inner_text()
    customer.click()
    address = page.url
    page.get_by_label("City").evaluate("field => field.value = 'x'.repeat(70000)")
    save = page.get_by_role("button", name="Save")
    album.take(page, "form-not-kept", "Please sign in again", save.click)
    page.goto(address)
    page.get_by_label("City").fill("Gabrovo")
    save.click()
    expect_at_instance(page, demo)
    choice = lambda: choose(page, EMPLOYEE)  # noqa: E731
    album.take(page, "form-kept", "You are signed in again", choice)
    album.take(page, "customer-changed", name, page.locator("main form button").click)
    resume = f"{demo.shop}/signin-resume"
    album.take(page, "form-gone", "The form is gone", lambda: page.goto(resume))


def test_pages_when_something_is_wrong(new_page, demo, album):
    page, shop = new_page(), demo.shop

    def go(path):
        return lambda: page.goto(shop + path)

    failed = "You could not be signed in"
    album.take(page, "not-ours", failed, go("/signin-callback?reference=0123456789abcdef"))
    album.take(page, "link-refused", failed, go("/initiate-signin?iss=https://other.example"))
    page.goto(f"{shop}/customers/")
    cancel = page.get_by_role("button", name="Cancel")
    album.take(page, "cancelled", "The instance did not sign you in", cancel.click)
    page.goto(f"{shop}/customers/")
    stranger = lambda: choose(page, COMMUNITY_USER)  # noqa: E731
    album.take(page, "not-allowed", "You cannot use this site", stranger)
    page.goto(f"{shop}/signin?prompt=login")
    demo.instance.next_token_answer(status=503)
    employee = lambda: choose(page, EMPLOYEE)  # noqa: E731
    album.take(page, "no-sign-in", "The instance does not answer", employee)


def test_page_for_a_visitor_caught_in_a_loop(new_page, demo, album):
    page = new_page()
    page.goto(f"{demo.shop}/secret/")
    employee = lambda: choose(page, EMPLOYEE)  # noqa: E731
    album.take(page, "sent-back", "You cannot use this site", employee)
    page.get_by_role("link", name=album.say("Sign in as somebody else")).click()
    expect_at_instance(page, demo)
    choose(page, ADMINISTRATOR)
    expect(page.get_by_role("heading")).to_have_text("Secret")


def test_pages_of_a_frame_and_its_popup(new_page, demo, album):
    """Both at top level; the popup says what to do where no page has opened it."""
    page = new_page()
    framed = f"{demo.shop}/signin?framed=1"
    album.take(page, "framed", "Sign in to go on", lambda: page.goto(framed))
    popup = page.locator("[data-instanceid-popup]").get_attribute("data-instanceid-popup")
    page.goto(f"{demo.shop}{popup}")
    employee = lambda: choose(page, EMPLOYEE)  # noqa: E731
    album.take(page, "popup-done", "You have signed in", employee)


@pytest.mark.parametrize("same_site", ["Strict"])
def test_page_between_the_instance_and_the_site(new_page, demo, album):
    """A visitor hardly sees it, unless the site is slow: here it does not answer at all."""
    page = new_page()
    page.route("**/signin-callback?reference=*", lambda route: route.fulfill(status=204))
    page.goto(f"{demo.shop}/customers/")
    employee = lambda: choose(page, EMPLOYEE)  # noqa: E731
    album.take(page, "signing-in", "Signing you in", employee)


@pytest.mark.parametrize("same_site", ["None"])
def test_pages_after_signing_out(new_page, demo, album):
    page, heading = new_page(), "You are signed out of %(site_name)s"
    demo.instance.change_claims("id_token", {"note": "x" * 3000})
    sign_in(page, demo)
    page.goto(f"{demo.shop}/signout")
    # With its script the page sends itself.
    page.route("**/send.js", lambda route: route.abort())
    album.take(page, "signing-out", heading, page.get_by_role("button").click)
    address = f"{demo.shop}/signout-callback"
    album.take(page, "signed-out", heading, lambda: page.goto(address))
