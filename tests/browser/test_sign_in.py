"""Signing in to the demo, in a browser."""

import time

import pytest
from playwright.sync_api import expect

from .steps import (
    EMPLOYEE,
    choose,
    code_requests,
    expect_at,
    expect_at_instance,
    expect_basket,
    expect_customers,
    expect_signed_in,
    fill_basket,
    sign_in,
)


def session_cookie(page):
    (cookie,) = (c for c in page.context.cookies() if c["name"] == "sessionid")
    return dict(cookie)


@pytest.mark.parametrize(
    ("same_site", "script"), [("Lax", True), ("Lax", False), ("Strict", False), ("None", True)]
)
def test_pos_20_lands_where_asked_with_the_basket_of_before(open_browser, demo, same_site, script):
    page = open_browser(java_script_enabled=script)
    fill_basket(page, demo.shop, "table lamp", "writing desk")
    before = session_cookie(page)
    assert before["sameSite"] == same_site

    page.get_by_role("link", name="Customers").click()
    expect_at_instance(page, demo)
    choose(page, EMPLOYEE, script=script)

    expect_customers(page, demo.shop)
    expect_basket(page, 2)
    after = session_cookie(page)
    assert after["value"] != before["value"]
    for attribute in ("domain", "path", "httpOnly", "secure", "sameSite"):
        assert after[attribute] == before[attribute]
    assert len(code_requests(demo)) == 1
    left_over = {c["name"]: c.get("expires", -1) for c in page.context.cookies(demo.shop)}
    assert left_over.pop("erpnet_arrived", 0) <= time.time() + 10
    assert sorted(left_over) == ["csrftoken", "sessionid"]


@pytest.mark.parametrize(("same_site", "first_to_finish"), [("Lax", 0), ("Strict", 1)])
def test_pos_19_two_tabs_started_together_both_arrive(open_browser, demo, first_to_finish):
    tabs = [open_browser()]
    fill_basket(tabs[0], demo.shop, "table lamp")
    tabs.append(tabs[0].context.new_page())
    pages = ["/customers/", "/me/"]
    for tab, path in zip(tabs, pages, strict=True):
        tab.goto(demo.shop + path)
        expect_at_instance(tab, demo)

    for number in (first_to_finish, 1 - first_to_finish):
        choose(tabs[number], EMPLOYEE)
        expect_at(tabs[number], demo.shop + pages[number])
        expect_signed_in(tabs[number])

    for tab in tabs:
        tab.reload()
        expect_signed_in(tab)
        expect_basket(tab, 1)
    codes = code_requests(demo)
    assert len(codes) == len(set(codes)) == 2


def test_pos_19_two_tabs_answered_at_once_both_arrive(open_browser, demo):
    """Both answers are on their way at once: they share one cookie, and one may take its place."""
    first = open_browser()
    second = first.context.new_page()
    for tab, path in ((first, "/customers/"), (second, "/me/")):
        tab.goto(demo.shop + path)
        expect_at_instance(tab, demo)
    demo.instance.always("token", delay=0.5)

    for tab in (first, second):
        tab.get_by_role("button", name=EMPLOYEE).click(no_wait_after=True)

    expect_at(first, f"{demo.shop}/customers/")
    expect_at(second, f"{demo.shop}/me/")
    for tab in (first, second):
        tab.reload()
        expect_signed_in(tab)
    codes = code_requests(demo)
    assert len(codes) == len(set(codes))


def callbacks(page):
    """The callback's requests, as the browser makes them from now on, by method."""
    seen = {"GET": [], "POST": []}

    def note(request):
        if "/signin-callback" in request.url:
            seen[request.method].append(request)

    page.context.on("request", note)
    return seen


@pytest.mark.parametrize("same_site", ["Lax", "Strict"])
def test_sta_04_reloading_the_callback_lands_on_the_page_again(open_browser, demo):
    page = open_browser()
    seen = callbacks(page)
    sign_in(page, demo)
    key = session_cookie(page)["value"]

    page.goto(seen["GET"][-1].url)
    expect_customers(page, demo.shop)

    # The same form once more, from the instance's own page.
    page.goto(f"{demo.instance.url}/")
    page.evaluate(
        """([address, body]) => {
            const form = Object.assign(document.createElement("form"),
                                       {method: "post", action: address});
            for (const [name, value] of new URLSearchParams(body))
                form.append(Object.assign(document.createElement("input"), {name, value}));
            document.body.append(form);
            form.submit();
        }""",
        [seen["POST"][0].url, seen["POST"][0].post_data],
    )
    expect_customers(page, demo.shop)

    assert len(seen["POST"]) == 2
    assert len(code_requests(demo)) == 1
    assert session_cookie(page)["value"] == key


@pytest.mark.parametrize("same_site", ["Lax", "Strict"])
def test_the_back_button_never_meets_an_error(open_browser, demo):
    page = open_browser()
    fill_basket(page, demo.shop, "table lamp")
    page.get_by_role("link", name="Customers").click()
    choose(page, EMPLOYEE)
    expect_customers(page, demo.shop)

    # As often as it takes to be back in the shop, where it all began.
    for _ in range(4):
        page.go_back()
        page.wait_for_load_state()
        expect(page.locator("body")).not_to_contain_text("could not be signed in")
        if page.url == f"{demo.shop}/":
            break
    expect_at(page, f"{demo.shop}/")
    page.reload()
    expect_signed_in(page)
    expect_basket(page, 1)
    assert len(code_requests(demo)) == 1


def test_sta_04_an_impatient_reload_arrives_all_the_same(open_browser, demo):
    """The callback is asked for again while its first answer is still being made."""
    page = open_browser()
    fill_basket(page, demo.shop, "table lamp")
    seen = callbacks(page)
    page.goto(f"{demo.shop}/customers/")
    demo.instance.next_token_answer(delay=1.5)
    page.get_by_role("button", name=EMPLOYEE).click(no_wait_after=True)
    # The instance may know of it before this process has heard what the browser asked for.
    while not (seen["GET"] and code_requests(demo)):
        page.wait_for_timeout(50)

    page.goto(seen["GET"][-1].url)

    expect_customers(page, demo.shop)
    expect_basket(page, 1)
    codes = code_requests(demo)
    assert len(codes) == len(set(codes)) == 2
