"""Attacks by strangers and neighbours of the site, each in a victim's browser: all fail."""

from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import expect

from .frames import (
    SIBLING,
    STRANGER,
    choose,
    expect_nobody,
    expect_waiting,
    frame_of,
    open_framed,
    open_popup,
)
from .steps import ADMINISTRATOR, EMPLOYEE

REDEEM = """code => fetch("/signin-frame?next=/private", {method: "POST", credentials: "include",
    body: new URLSearchParams({frame_code: code})}).then(answer => answer.url)"""
# As the sibling's server sends them: one byte for each character.
BLANKS = {"U+2000": "\u2000".encode().decode("latin-1"), "byte A0": "\xa0"}


def popup_address(scene, page):
    button = frame_of(page).get_by_role("link", name="Sign in")
    return scene.site + str(button.get_attribute("data-instanceid-popup"))


def test_fld_19_popup_address_of_a_stranger_signs_nobody_in(scene, new_context):
    """Neither the stranger, whose frame waits, nor the victim who follows the address."""
    stranger = open_framed(scene, new_context())
    victim = new_context().new_page()
    victim.goto(popup_address(scene, stranger))
    choose(victim)
    expect(victim.get_by_role("heading")).to_have_text("You have signed in")
    expect_nobody(victim, scene)
    stranger.wait_for_timeout(1000)
    expect_waiting(stranger)


def test_fld_19_foreign_opener_gets_no_message(scene, new_context):
    address = popup_address(scene, open_framed(scene, new_context()))
    scene.show(
        "/evil",
        "<script>got = []; addEventListener('message', e => got.push(e.data));"
        f"</script><button onclick=\"open('{address}', '', 'popup')\">Prize</button>",
    )
    page = new_context().new_page()
    page.goto(scene.at(STRANGER) + "/evil")
    with page.expect_popup() as opened:
        page.get_by_role("button").click()
    choose(opened.value)
    expect(opened.value.get_by_role("heading")).to_have_text("You have signed in")
    page.wait_for_timeout(1000)
    assert page.evaluate("got") == []


def test_fld_19_code_is_worth_nothing_without_the_frames_secret(scene, new_context):
    """And nothing a second time with it."""
    page = open_framed(scene, new_context())
    codes = []
    page.context.expose_binding("saw", lambda _source, code: codes.append(code))
    frame_of(page).evaluate(
        "HTMLFormElement.prototype.submit = function () { saw(this.elements.frame_code.value) }; 0"
    )
    choose(open_popup(page))
    wait_for(page, codes)
    refused, redeemed = scene.site + "/signin-frame?next=/private", scene.site + "/private"
    top = new_context().new_page()
    top.goto(scene.site + "/plain")
    assert top.evaluate(REDEEM, codes[0]) == refused
    other_frame = frame_of(open_framed(scene, new_context()))
    assert other_frame.evaluate(REDEEM, codes[0]) == refused
    assert frame_of(page).evaluate(REDEEM, codes[0]) == redeemed
    assert frame_of(page).evaluate(REDEEM, codes[0]) == refused


def wait_for(page, found):
    while not found:
        page.wait_for_timeout(100)


@pytest.mark.parametrize(
    ("server", "blank"), [("gunicorn", "U+2000"), ("uvicorn", "U+2000"), ("uvicorn", "byte A0")]
)
def test_fld_01_sibling_cannot_plant_an_attempt(scene, new_context, server, blank):
    """The victim's browser brings the attacker's answer, and a cookie that the sibling set."""
    attacker = new_context()
    answer = answer_kept_back(scene, attacker)
    name, value = cookie_of(attacker, "__Host-erpnet_signin_")
    inputs = "".join(
        f'<input type="hidden" name="{name}" value="{value}">' for name, value in parse_qsl(answer)
    )
    form = f'<form method="post" action="{scene.site}/signin-callback">{inputs}<button>Go</button>'

    victim = new_context().new_page()
    sent = cookies_sent(victim)
    plant(scene, victim, form, (BLANKS[blank] + name, value))
    victim.get_by_role("button").click()
    # The site refuses the answer, and starts the sign-in again by itself.
    victim.wait_for_url("**/connect/authorize?*")
    expect_nobody(victim, scene)
    # From a sibling a browser takes no name with the prefix, but takes one after a blank.
    assert any(name in header for header in sent)


def answer_kept_back(scene, attacker):
    """The form with the answer to the attacker's own sign-in, which the site does not get."""
    answers = []

    def keep(route):
        answers.append(str(route.request.post_data))
        route.abort()

    page = attacker.new_page()
    page.route("**/signin-callback", keep)
    page.goto(scene.site + "/signin")
    choose(page, ADMINISTRATOR)
    wait_for(page, answers)
    return answers[0]


def cookie_of(context, prefix):
    """A cookie's name and value, without the quotes that Django puts around it."""
    cookie = next(c for c in context.cookies() if str(c.get("name")).startswith(prefix))
    return str(cookie["name"]), str(cookie["value"]).strip('"')


def plant(scene, victim, html, *cookies):
    """The victim visits a page of a sibling subdomain, which sets cookies for the whole domain."""
    lines = [f"{name}={value}; Domain=site.test; Path=/; Secure" for name, value in cookies]
    scene.show("/plant", html, *(("Set-Cookie", line) for line in lines))
    victim.goto(scene.at(SIBLING) + "/plant")


def cookies_sent(page):
    """The Cookie headers that the page's requests bring from now on."""
    sent = []
    page.on("requestfinished", lambda request: sent.append(request.all_headers().get("cookie", "")))
    return sent


def test_fld_02_planted_session_offers_no_form(scene, new_context):
    """A form waits on a session that the sibling gives to the victim, even of the victim's own."""
    attacker = new_context()
    keep_form(scene, attacker)
    session, binding = cookie_of(attacker, "sessionid"), cookie_of(attacker, "__Host-erpnet_form")

    victim = new_context().new_page()
    sent = cookies_sent(victim)
    plant(scene, victim, "", session, (BLANKS["U+2000"] + binding[0], binding[1]))
    victim.goto(scene.site + "/signin?next=/signin-resume")
    choose(victim)
    expect(victim.get_by_role("heading")).to_have_text("The form is gone")
    assert any(session[1] in header and binding[1] in header for header in sent)


def keep_form(scene, attacker):
    """Sends a form after the instance has ended the sign-in; the site keeps the form."""
    scene.instance.change("token_answer", lambda answer: answer.update(expires_in=2), times=1)
    page = attacker.new_page()
    page.goto(scene.site + "/signin")
    choose(page)
    page.wait_for_url(scene.site + "/")
    page.goto(scene.site + "/signout")
    scene.instance.revoke_refresh_tokens("maria")
    scene.instance.end_session_of("maria")
    page.wait_for_timeout(2000)
    page.evaluate("document.forms[0].action = '/private'")
    page.get_by_role("button").click()
    page.get_by_role("button", name=EMPLOYEE).first.wait_for()
