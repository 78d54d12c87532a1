"""Every page a visitor may meet: on a phone and a desk, by day and by night, as pictures too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ..support.demo import Demo
from .conftest import OpenBrowser
from .steps import (
    ADMINISTRATOR,
    COMMUNITY_USER,
    EMPLOYEE,
    choose,
    expect_at_instance,
    expect_customers,
    fill_basket,
    sign_in,
)

SIZES = {"phone": {"width": 390, "height": 780}, "desk": {"width": 1200, "height": 750}}
# WCAG 2.2, 1.4.3: text of normal size.
MIN_CONTRAST = 4.5
FAINT_TEXT = """() => {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    const rgba = colour => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = colour => {
        const [r, g, b] = colour.slice(0, 3).map(v => v / 255)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = element => {
        for (; element; element = element.parentElement) {
            const colour = rgba(getComputedStyle(element).backgroundColor);
            if (colour[3] === 255) return colour;
        }
        return rgba("Canvas");
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const faint = [];
    while (texts.nextNode()) {
        const text = texts.currentNode, element = text.parentElement;
        if (!text.data.trim() || !element.checkVisibility() || element.closest("script, style"))
            continue;
        const [a, b] = [luminance(rgba(getComputedStyle(element).color)),
                        luminance(behind(element))].sort((x, y) => y - x);
        const contrast = (a + 0.05) / (b + 0.05);
        if (contrast < MIN_CONTRAST) faint.push([text.data.trim(), contrast]);
    }
    return faint;
}""".replace("MIN_CONTRAST", str(MIN_CONTRAST))
BRIGHTNESS = """() => {
    const canvas = document.createElement("canvas").getContext("2d");
    canvas.fillStyle = getComputedStyle(document.body).backgroundColor;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data[1];
}"""


@dataclass
class Album:
    """Looks a page over, and takes its picture."""

    directory: Path
    size: str
    scheme: str

    def take(self, page: Page, name: str) -> None:
        page.wait_for_load_state()
        page.screenshot(path=self.directory / f"{name}-{self.size}-{self.scheme}.png")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= SIZES[self.size]["width"], f"{name} is wider than the screen"
        assert page.evaluate(FAINT_TEXT) == [], name
        is_dark = page.evaluate(BRIGHTNESS) < 128
        assert is_dark == (self.scheme == "dark"), name


@pytest.fixture(params=["phone", "desk"])
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["light", "dark"])
def album(request: pytest.FixtureRequest, size: str, screenshots: Path) -> Album:
    return Album(screenshots, size, request.param)


@pytest.fixture
def new_page(open_browser: OpenBrowser, album: Album) -> Callable[[], Page]:
    return lambda: open_browser(color_scheme=album.scheme, viewport=SIZES[album.size])


def test_pages_of_a_visit(new_page: Callable[[], Page], demo: Demo, album: Album) -> None:
    page = new_page()
    fill_basket(page, demo.shop, "table lamp", "wall shelf")
    album.take(page, "home")
    page.get_by_role("link", name="Customers").click()
    expect_at_instance(page, demo)
    album.take(page, "sign-in")
    choose(page, EMPLOYEE)
    expect_customers(page, demo.shop)
    album.take(page, "customers")
    page.get_by_role("link", name="About me").click()
    album.take(page, "me")
    page.goto(f"{demo.shop}/admin/")
    album.take(page, "no-administrator")
    page.goto(f"{demo.shop}/signout")
    album.take(page, "sign-out")
    demo.instance.next_answer("api", status=503)
    page.goto(f"{demo.shop}/customers/")
    album.take(page, "instance-does-not-answer")


def test_pages_about_customers(new_page: Callable[[], Page], demo: Demo, album: Album) -> None:
    demo.instance.set(licence_slots=1)
    demo.instance.change_claims("access_token", {"scope": ["openid", "read"]})
    page = new_page()
    sign_in(page, demo)
    page.goto(f"{demo.shop}/customers/page/2/")
    page.get_by_role("link", name="Next").scroll_into_view_if_needed()
    album.take(page, "customers-page-2")
    page.locator("tbody").get_by_role("link").first.click()
    album.take(page, "customer")
    page.get_by_label("City").fill("Gabrovo")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("listitem")).to_contain_text("update")
    album.take(page, "customer-refused")
    page = new_page()
    page.goto(f"{demo.shop}/customers/")
    choose(page, ADMINISTRATOR)
    expect(page.get_by_role("heading")).to_have_text("All licences are in use")
    album.take(page, "no-licence")


def test_pages_when_something_is_wrong(
    new_page: Callable[[], Page], demo: Demo, album: Album
) -> None:
    page = new_page()
    page.goto(f"{demo.shop}/signin-callback?reference=0123456789abcdef")
    album.take(page, "error-400")
    page.goto(f"{demo.shop}/customers/")
    choose(page, COMMUNITY_USER)
    expect(page.get_by_role("heading")).to_have_text("You cannot use this site")
    album.take(page, "error-403")
    demo.instance.next_token_answer(status=503)
    page.get_by_role("link", name="Sign in as somebody else").click()
    choose(page, EMPLOYEE)
    expect(page.get_by_role("heading")).to_have_text("The instance does not answer")
    album.take(page, "error-503")


def test_page_for_a_visitor_caught_in_a_loop(
    new_page: Callable[[], Page], demo: Demo, album: Album
) -> None:
    page = new_page()
    page.goto(f"{demo.shop}/secret/")
    choose(page, EMPLOYEE)
    expect(page.get_by_role("heading")).to_have_text("You cannot use this site")
    expect(page.get_by_role("paragraph").first).to_contain_text("You are signed in, but")
    album.take(page, "sent-back")
    page.get_by_role("link", name="Sign in as somebody else").click()
    expect_at_instance(page, demo)
    choose(page, ADMINISTRATOR)
    expect(page.get_by_role("heading")).to_have_text("Secret")


@pytest.mark.parametrize("same_site", ["Strict"])
def test_page_between_the_instance_and_the_site(
    new_page: Callable[[], Page], demo: Demo, album: Album
) -> None:
    """A visitor hardly sees it, unless the site is slow: here it does not answer at all."""
    page = new_page()
    page.route("**/signin-callback?reference=*", lambda route: route.fulfill(status=204))
    page.goto(f"{demo.shop}/customers/")
    choose(page, EMPLOYEE)
    expect(page.get_by_role("heading", name="Signing you in")).to_be_visible()
    album.take(page, "signing-in")


@pytest.mark.parametrize("same_site", ["None"])
def test_page_after_signing_out(new_page: Callable[[], Page], demo: Demo, album: Album) -> None:
    page = new_page()
    page.goto(f"{demo.shop}/signout-callback")
    expect(page.get_by_role("heading")).to_contain_text("You are signed out of")
    album.take(page, "signed-out")
