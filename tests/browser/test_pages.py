"""Every page a visitor may meet, as axe and a camera see it.

On a desk and a phone, by day and by night, in English and Bulgarian.
"""

import gettext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from ..support.demo import ROOT
from .steps import (
    ADMINISTRATOR,
    COMMUNITY_USER,
    EMPLOYEE,
    choose,
    expect_at_instance,
    expect_customers,
    fill_basket,
    sign_in,
    sign_in_an_hour_ago,
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
    """Looks a visitor's pages over, and takes their pictures."""

    directory: Path
    size: str
    scheme: str
    language: str
    page: Page
    shop: str

    def say(self, text):
        """The text in the language of the pictures."""
        if self.language == "en":
            return text
        texts = gettext.translation("django", ROOT / "erpnet_instanceid" / "locale", ["bg"])
        shop = ROOT / "example_project" / "shop" / "locale"
        texts.add_fallback(gettext.translation("django", shop, ["bg"]))
        return texts.gettext(text)

    def go(self, path):
        self.page.goto(self.shop + path)

    def take(self, name, heading, come):
        """Looks at the page that ``come`` leads to, an address or a step of the visitor.

        Only that page is in another language.
        """
        page = self.page
        # Django prefers its cookie to the browser's language.
        chosen = {"name": "django_language", "value": self.language}
        page.context.add_cookies([{**chosen, "domain": "localhost", "path": "/"}])
        self.go(come) if isinstance(come, str) else come()
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
def new_album(request, screenshots, open_browser, demo):
    """Makes albums, each of another visitor."""
    size, scheme, language = request.param

    def make():
        page = open_browser(color_scheme=scheme, viewport=SIZES[size])
        return Album(screenshots, size, scheme, language, page, demo.shop)

    return make


@pytest.fixture
def album(new_album):
    return new_album()


@pytest.fixture
def page(album):
    return album.page


def test_pages_of_a_visit(album, page, demo):
    fill_basket(page, demo.shop, "table lamp", "wall shelf")
    album.take("home", "Things for a quiet room", "/")
    album.go("/customers/")
    expect_at_instance(page, demo)
    # The stand-in's own pages are in English.
    replace(album, language="en").take("stand-in", "Sign in", page.reload)
    album.take("customers", "Customers", partial(choose, page, EMPLOYEE))
    album.take("me", "About me", "/me/")
    album.take("no-administrator", "This page is not for you", "/admin/")
    album.take("not-found", "There is no such page", "/not-found/")
    album.take("sign-out", "Sign out?", "/signout")
    demo.instance.next_answer("api", status=503)
    album.take("instance-away", "The instance does not answer", "/customers/")
    demo.instance.next_answer("api", status=400, body='{"error": {"message": "No"}}')
    album.take("refused", "The instance said no", "/customers/")
    album.go("/")
    sign_out = page.get_by_role("button", name="Sign out")
    album.take("after-sign-out", "Things for a quiet room", sign_out.click)


def test_pages_about_customers(new_album, album, page, demo):
    demo.instance.set(licence_slots=1)
    demo.instance.change_claims("access_token", {"scope": ["openid", "read"]})
    sign_in(page, demo)
    album.take("customers-page-2", "Customers", "/customers/page/2/")
    customer = page.locator("tbody").get_by_role("link").first
    name = customer.inner_text()
    album.take("customer", name, customer.click)
    page.locator("[name=City]").fill("Gabrovo")
    album.take("customer-refused", name, page.locator("main form button").click)
    expect(page.get_by_role("listitem")).to_contain_text("update")
    album = new_album()
    album.go("/customers/")
    come = partial(choose, album.page, ADMINISTRATOR)
    album.take("no-licence", "All licences are in use", come)


def test_pages_about_a_form_sent_too_late(album, page, demo):
    sign_in_an_hour_ago(page, demo)
    customer = page.locator("tbody").get_by_role("link").first
    name = customer.inner_text()
    customer.click()
    address = page.url
    page.get_by_label("City").evaluate("field => field.value = 'x'.repeat(70000)")
    save = page.get_by_role("button", name="Save")
    album.take("form-not-kept", "Please sign in again", save.click)
    page.goto(address)
    page.get_by_label("City").fill("Gabrovo")
    save.click()
    expect_at_instance(page, demo)
    album.take("form-kept", "You are signed in again", partial(choose, page, EMPLOYEE))
    album.take("customer-changed", name, page.locator("main form button").click)
    album.take("form-gone", "The form is gone", "/signin-resume")


def test_pages_when_something_is_wrong(album, page, demo):
    failed = "You could not be signed in"
    album.take("not-ours", failed, "/signin-callback?reference=0123456789abcdef")
    album.take("link-refused", failed, "/initiate-signin?iss=https://other.example")
    album.go("/customers/")
    cancel = page.get_by_role("button", name="Cancel")
    album.take("cancelled", "The instance did not sign you in", cancel.click)
    album.go("/signin")
    demo.instance.next_token_answer(status=503)
    employee = partial(choose, page, EMPLOYEE)
    album.take("no-sign-in", "The instance does not answer", employee)


def test_pages_for_a_person_who_is_refused(album, page, demo):
    """The instance still knows the person: it has to ask who it is now."""
    somebody_else = page.get_by_role("link", name=album.say("Sign in as somebody else"))
    album.go("/customers/")
    album.take("not-allowed", "You cannot use this site", partial(choose, page, COMMUNITY_USER))
    somebody_else.click()
    expect_at_instance(page, demo)
    choose(page, EMPLOYEE)
    expect_customers(page, demo.shop)
    # A page of the site that sends the visitor to sign-in again and again.
    album.take("sent-back", "You cannot use this site", "/secret/")
    somebody_else.click()
    expect_at_instance(page, demo)
    choose(page, ADMINISTRATOR)
    expect(page.get_by_role("heading")).to_have_text("Secret")


def test_pages_of_a_frame_and_its_popup(album, page):
    """Both at top level; the popup says what to do where no page has opened it."""
    album.take("framed", "Sign in to go on", "/signin?framed=1")
    popup = page.locator("[data-instanceid-popup]").get_attribute("data-instanceid-popup")
    album.go(popup)
    album.take("popup-done", "You have signed in", partial(choose, page, EMPLOYEE))


@pytest.mark.parametrize("same_site", ["Strict"])
def test_page_between_the_instance_and_the_site(album, page):
    """A visitor hardly sees it, unless the site is slow: here it does not answer at all."""
    page.route("**/signin-callback?reference=*", lambda route: route.fulfill(status=204))
    album.go("/customers/")
    album.take("signing-in", "Signing you in", partial(choose, page, EMPLOYEE))


@pytest.mark.parametrize("same_site", ["None"])
def test_pages_after_signing_out(album, page, demo):
    heading = "You are signed out of %(site_name)s"
    demo.instance.change_claims("id_token", {"note": "x" * 3000})
    sign_in(page, demo)
    album.go("/signout")
    # With its script the page sends itself.
    page.route("**/send.js", lambda route: route.abort())
    album.take("signing-out", heading, page.get_by_role("button").click)
    album.take("signed-out", heading, "/signout-callback")
