"""A visitor signs in, and out, in a frame that a page of another site shows."""

import pytest
from playwright.sync_api import expect

from .frames import (
    PARENT,
    SITE,
    STRANGER,
    choose,
    expect_nobody,
    expect_private,
    expect_waiting,
    frame_of,
    open_framed,
    open_popup,
    sign_in,
)
from .steps import ADMINISTRATOR

WINDOW_OF_ITS_OWN = "Open the site in a window of its own"
both = pytest.mark.parametrize("third_party_cookies", ["allowed", "blocked"])


@pytest.fixture
def third_party_cookies():
    """As browsers will have it, unless a test tries both."""
    return "blocked"


@both
def test_visitor_signs_in_inside_the_frame(scene, new_context):
    context = new_context()
    page = open_framed(scene, context)
    sign_in(page)
    page.reload()
    expect_private(page, "maria")
    of_site = [cookie for cookie in context.cookies() if cookie.get("domain") == SITE]
    in_frame = [cookie["name"] for cookie in of_site if cookie.get("partitionKey")]
    assert "sessionid" in in_frame
    # The popup's own were at top level, and are gone with it. It gave nobody a session there.
    page.wait_for_timeout(500)
    assert len(context.pages) == 2
    assert len(in_frame) == len(of_site)
    expect_nobody(context.new_page(), scene)


def test_button_of_the_site_opens_the_popup(scene, new_context):
    """One click, from a page of the site whose first page in the frame needed no sign-in."""
    page = open_framed(scene, new_context(), "/plain")
    frame_of(page).evaluate("location.href = '/button'")
    frame_of(page).wait_for_url("**/button")
    sign_in(page)


def test_button_of_the_site_signs_in_at_top_level(scene, new_context):
    page = new_context().new_page()
    page.goto(scene.site + "/button")
    page.get_by_role("link", name="Sign in").click()
    choose(page)
    expect(page.locator("body")).to_have_text("private page of maria")


@both
def test_browser_blocks_third_party_cookies_when_told_to(scene, new_context, third_party_cookies):
    """Or the tests here would show nothing of it."""
    context = new_context()
    scene.show("/third", "third", ("Set-Cookie", "third=1; SameSite=None; Secure; Path=/"))
    scene.show("/around", f'<iframe src="{scene.at(STRANGER)}/third"></iframe>')
    page = context.new_page()
    page.goto(scene.at(PARENT) + "/around")
    kept = [cookie for cookie in context.cookies() if cookie.get("name") == "third"]
    assert bool(kept) == (third_party_cookies == "allowed")


def test_notice_of_the_instance_ends_the_session_in_the_frame(scene, new_context):
    page = open_framed(scene, new_context())
    sign_in(page)
    token = scene.instance.logout_token(sub="maria")
    # The instance knows the site by its name, which this process cannot look up.
    frame_of(page).evaluate(
        """token => fetch("/backchannel-signout", {method: "POST", credentials: "omit",
            body: new URLSearchParams({logout_token: token})})""",
        token,
    )
    page.reload()
    expect_waiting(page)


def test_page_that_cuts_the_opener_off_still_leaves_a_way(scene, new_context):
    context = new_context()
    page = context.new_page()
    page.goto(scene.show_frames(**{"Cross-Origin-Opener-Policy": "same-origin"}))
    popup = open_popup(page)
    expect(frame_of(page).get_by_role("status")).to_contain_text(WINDOW_OF_ITS_OWN)
    choose(popup)
    expect(popup.locator("main")).to_contain_text("open the site in a window of its own")
    assert len(context.pages) == 3


def test_blocked_popup_leaves_a_link(scene, new_context):
    context = new_context()
    context.add_init_script("window.open = () => null")
    page = open_framed(scene, context)
    frame_of(page).get_by_role("link", name="Sign in").click()
    with context.expect_page() as opened:
        frame_of(page).get_by_role("link", name=WINDOW_OF_ITS_OWN).click()
    choose(opened.value)
    expect(opened.value.locator("body")).to_have_text("private page of maria")


def test_two_frames_sign_in_one_after_the_other(scene, new_context):
    page = new_context().new_page()
    page.goto(scene.show_frames("one", "two"))
    sign_in(page, frame="one")
    open_popup(page, "two")
    expect_private(page, "maria", frame="two")


def test_second_person_takes_the_place_of_the_first(scene, new_context):
    page = open_framed(scene, new_context())
    sign_in(page)
    scene.instance.end_session_of("maria")
    frame_of(page).evaluate("location.href = '/signin?next=/private'")
    expect_waiting(page)
    sign_in(page, ADMINISTRATOR)


def test_tokens_are_renewed_in_the_frame(scene, new_context):
    scene.instance.change("token_answer", lambda answer: answer.update(expires_in=1), times=1)
    page = open_framed(scene, new_context())
    sign_in(page)
    page.wait_for_timeout(1500)
    page.reload()
    expect_private(page, "maria")
    assert scene.instance.calls("token")[-1]["grant_type"] == "refresh_token"


@both
def test_sign_out_in_the_frame(scene, new_context):
    page = open_framed(scene, new_context())
    sign_in(page)
    frame_of(page).evaluate("location.href = '/signout'")
    frame_of(page).get_by_role("button", name="Sign out").click()
    expect(frame_of(page).get_by_role("heading")).to_contain_text("You are signed out of")
    with page.expect_popup() as opened:
        frame_of(page).get_by_role("link", name="Also sign out").click()
    opened.value.wait_for_load_state()
    assert not scene.instance.has_session("maria")
    page.reload()
    expect_waiting(page)


def test_without_script_a_window_of_its_own_opens(scene, new_context):
    popup = open_popup(open_framed(scene, new_context(java_script_enabled=False)))
    choose(popup)
    popup.get_by_role("button", name="Continue").click()
    expect(popup.locator("body")).to_have_text("private page of maria")
