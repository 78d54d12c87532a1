"""A site in a frame of a page of another site, over TLS, at two registrable domains."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page, Route, expect

from erpnet_instanceid.testing import Instance, run_instance

from ..support.demo import ROOT, read_until, run_program
from ..support.tls import Trusted
from .conftest import CHROMIUM_ARGUMENTS, PATIENCE
from .steps import ADMINISTRATOR, EMPLOYEE

SITE, PARENT, STRANGER = "site.test", "parent.example", "stranger.example"
SIBLING = f"evil.{SITE}"
RULES = "--host-resolver-rules=" + ", ".join(
    f"MAP {host} 127.0.0.1" for host in (SITE, PARENT, STRANGER, SIBLING)
)
COOKIES = {"allowed": [], "blocked": ["--test-third-party-cookie-phaseout"]}
ALLOWED = {"profile": {"cookie_controls_mode": 0, "block_third_party_cookies": False}}


@dataclass(frozen=True)
class Scene:
    """A stand-in, the site, and pages of other sites."""

    instance: Instance
    site: str
    parent: str
    stranger: str
    pages: dict[str, tuple[str, dict[str, str]]]

    def show(self, path: str, html: str, **headers: str) -> None:
        """Puts a page on the other sites."""
        self.pages[path] = (html, headers)


@contextmanager
def other_sites(
    context: ssl.SSLContext, pages: dict[str, tuple[str, dict[str, str]]]
) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            html, headers = pages.get(self.path, ("", {}))
            self.send_response(200)
            for name, value in {"Content-Type": "text/html", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("frames")
    trusted = Trusted(folder)
    pages: dict[str, tuple[str, dict[str, str]]] = {}
    certificate = trusted.certificate(SITE)
    with (
        run_instance() as instance,
        other_sites(trusted.context(certificate), pages) as port,
    ):
        parent = f"https://{PARENT}:{port}"
        with run_site(folder, certificate, instance, parent) as site_port:
            site = f"https://{SITE}:{site_port}"
            stranger = f"https://{STRANGER}:{port}"
            yield Scene(instance, site, parent, stranger, pages)


@contextmanager
def run_site(folder: Path, certificate: Path, instance: Instance, parent: str) -> Iterator[int]:
    changes = {
        "ALLOWED_HOSTS": [SITE],
        "SESSION_COOKIE_SAMESITE": "None",
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SAMESITE": "None",
        "CSRF_COOKIE_SECURE": True,
        "DEBUG": True,
        "ERPNET_INSTANCEID": {**instance.settings(), "FRAMED_BY": [parent]},
        "MIDDLEWARE": [
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "erpnet_instanceid.middleware.TokenRefreshMiddleware",
        ],
    }
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": str(ROOT),
        "TESTS_DIRECTORY": str(folder),
        "TESTS_SETTINGS": json.dumps(changes),
    }
    command = [sys.executable, "-m", "tests.browser.tls_site", str(certificate)]
    with (folder / "site.log").open("w") as log, run_program(command, environment, log) as running:
        yield int(read_until(running, "port").split()[-1])


@pytest.fixture(params=["allowed", "blocked"])
def new_context(
    request: Any, chromium: Browser, scene: Scene, tmp_path: Path
) -> Iterator[Callable[..., BrowserContext]]:
    """Makes browsers with third-party cookies allowed, and blocked."""
    contexts: list[BrowserContext] = []
    scene.instance.reset()
    scene.pages.clear()

    def make(**options: Any) -> BrowserContext:
        profile = tmp_path / str(len(contexts))
        if request.param == "allowed":
            (profile / "Default").mkdir(parents=True)
            (profile / "Default" / "Preferences").write_text(json.dumps(ALLOWED))
        context = chromium.browser_type.launch_persistent_context(
            profile,
            executable_path=shutil.which("chromium"),
            args=[*CHROMIUM_ARGUMENTS, RULES, *COOKIES[request.param]],
            locale="en-GB",
            ignore_https_errors=True,
            **options,
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


def open_framed(scene: Scene, context: BrowserContext, path: str = "/private") -> Page:
    frames = f'<iframe name="site" width="700" height="500" src="{scene.site}{path}"></iframe>'
    scene.show("/", frames)
    page = context.new_page()
    page.goto(scene.parent + "/")
    return page


def frame_of(page: Page, name: str = "site") -> Frame:
    return cast(Frame, page.frame(name=name))


def sign_in(page: Page, person: str = EMPLOYEE, frame: str = "site") -> None:
    with page.expect_popup() as opened:
        frame_of(page, frame).get_by_role("link", name="Sign in").click()
    opened.value.get_by_role("button", name=person).first.click()


def expect_private(page: Page, person: str, frame: str = "site") -> None:
    expect(page.frame_locator(f"[name={frame}]").locator("body")).to_have_text(
        f"private page of {person}"
    )


def test_visitor_signs_in_inside_the_frame(
    scene: Scene, new_context: Callable[..., BrowserContext]
) -> None:
    context = new_context()
    page = open_framed(scene, context)
    sign_in(page)
    expect_private(page, "maria")
    page.reload()
    expect_private(page, "maria")
    # The popup has closed, and gave nobody a session outside of the frame.
    page.wait_for_timeout(500)
    assert "signin" not in "".join(other.url for other in context.pages)
    top = context.new_page()
    top.goto(scene.site + "/whoami")
    assert '"user": ""' in top.content()


def test_cookies_of_the_frame_are_its_own(
    scene: Scene, new_context: Callable[..., BrowserContext]
) -> None:
    context = new_context()
    page = open_framed(scene, context)
    sign_in(page)
    expect_private(page, "maria")
    of_site = [cookie for cookie in context.cookies() if cookie.get("domain") == SITE]
    assert "sessionid" in [cookie["name"] for cookie in of_site]
    in_frame = [c["name"] for c in of_site if c.get("partitionKey")]
    assert "sessionid" in in_frame
    # The popup's own are at top level, and are gone.
    assert len(in_frame) == len(of_site)


def test_browser_blocks_third_party_cookies_when_told_to(
    scene: Scene, new_context: Callable[..., BrowserContext], request: pytest.FixtureRequest
) -> None:
    """Or the tests here would show nothing of it."""
    context = new_context()
    cookie = {"Set-Cookie": "third=1; SameSite=None; Secure; Path=/"}
    scene.show("/third", "third party", **cookie)
    scene.show("/around", f'<iframe src="{scene.stranger}/third"></iframe>')
    page = context.new_page()
    page.goto(scene.parent + "/around")
    kept = [c for c in context.cookies() if c.get("name") == "third"]
    assert bool(kept) == ("allowed" in request.node.name)


def test_notice_of_the_instance_ends_the_session_in_the_frame(
    scene: Scene, new_context: Callable[..., BrowserContext]
) -> None:
    context = new_context()
    page = open_framed(scene, context)
    sign_in(page)
    expect_private(page, "maria")
    token = scene.instance.logout_token(sub="maria")
    # The instance knows the site by its name, which this process cannot look up.
    frame_of(page).evaluate(
        """token => fetch("/backchannel-signout", {method: "POST", credentials: "omit",
            body: new URLSearchParams({logout_token: token})})""",
        token,
    )
    page.reload()
    expect(frame_of(page).get_by_role("heading")).to_have_text("Sign in to go on")


def test_page_that_cuts_the_opener_off_still_leaves_a_way(
    scene: Scene, new_context: Callable[..., BrowserContext]
) -> None:
    context = new_context()
    frame = f'<iframe name="site" width="700" height="500" src="{scene.site}/private"></iframe>'
    scene.show("/cut", frame, **{"Cross-Origin-Opener-Policy": "same-origin"})
    page = context.new_page()
    page.goto(scene.parent + "/cut")
    with context.expect_page() as opened:
        frame_of(page).get_by_role("link", name="Sign in").click()
    opened.value.get_by_role("button", name=EMPLOYEE).first.click()
    expect(opened.value.locator("main")).to_contain_text("open the site in a window of its own")


def test_two_frames_sign_in_one_after_the_other(
    scene: Scene, new_context: Callable[..., BrowserContext]
) -> None:
    context = new_context()
    frames = "".join(
        f'<iframe name="{name}" width="600" height="500" src="{scene.site}/private"></iframe>'
        for name in ("one", "two")
    )
    scene.show("/two", frames)
    page = context.new_page()
    page.goto(scene.parent + "/two")
    sign_in(page, frame="one")
    expect_private(page, "maria", frame="one")
    with page.expect_popup():
        frame_of(page, "two").get_by_role("link", name="Sign in").click()
    expect_private(page, "maria", frame="two")


def test_second_person_takes_the_place_of_the_first(
    scene: Scene, new_context: Callable[..., BrowserContext]
) -> None:
    context = new_context()
    page = open_framed(scene, context)
    sign_in(page)
    expect_private(page, "maria")
    scene.instance.end_session_of("maria")
    open_again = f"{scene.site}/signin?next=/private"
    frame_of(page).evaluate(f"location.href = {open_again!r}")
    frame_of(page).get_by_role("heading", name="Sign in to go on").wait_for()
    sign_in(page, ADMINISTRATOR)
    expect_private(page, "admin")


def test_tokens_are_renewed_in_the_frame(
    scene: Scene, new_context: Callable[..., BrowserContext]
) -> None:
    scene.instance.change("token_answer", lambda answer: answer.update(expires_in=1), times=1)
    page = open_framed(scene, new_context())
    sign_in(page)
    expect_private(page, "maria")
    page.wait_for_timeout(1500)
    page.reload()
    expect_private(page, "maria")
    assert [call["grant_type"] for call in scene.instance.calls("token")][-1] == "refresh_token"


def test_sign_out_in_the_frame(scene: Scene, new_context: Callable[..., BrowserContext]) -> None:
    context = new_context()
    page = open_framed(scene, context)
    sign_in(page)
    expect_private(page, "maria")
    frame_of(page).evaluate("location.href = '/signout'")
    frame_of(page).get_by_role("button", name="Sign out").click()
    expect(frame_of(page).get_by_role("heading")).to_have_text("You are signed out")
    link = frame_of(page).get_by_role("link", name="Also sign out")
    with page.expect_popup() as opened:
        link.click()
    opened.value.wait_for_load_state()
    assert not scene.instance.has_session("maria")
    page.reload()
    expect(frame_of(page).get_by_role("heading")).to_have_text("Sign in to go on")


def test_without_script_a_window_of_its_own_opens(
    scene: Scene, new_context: Callable[..., BrowserContext]
) -> None:
    context = new_context(java_script_enabled=False)
    page = open_framed(scene, context)
    with context.expect_page() as opened:
        frame_of(page).get_by_role("link", name="Sign in").click()
    opened.value.get_by_role("button", name=EMPLOYEE).first.click()
    opened.value.get_by_role("button", name="Continue").click()
    expect(opened.value.locator("body")).to_have_text("private page of maria")


def test_blocked_popup_leaves_the_link(
    scene: Scene, new_context: Callable[..., BrowserContext]
) -> None:
    context = new_context()
    context.add_init_script("window.open = () => null")
    page = open_framed(scene, context)
    with context.expect_page() as opened:
        frame_of(page).get_by_role("link", name="Sign in").click()
    opened.value.get_by_role("button", name=EMPLOYEE).first.click()
    expect(opened.value.locator("body")).to_have_text("private page of maria")


def test_popup_without_its_opener_gives_advice(
    scene: Scene, new_context: Callable[..., BrowserContext]
) -> None:
    context = new_context()
    page = open_framed(scene, context)
    with page.expect_popup() as opened:
        frame_of(page).get_by_role("link", name="Sign in").click()
    popup = opened.value
    popup.evaluate("window.opener = null")
    popup.add_init_script("window.opener = null")
    popup.get_by_role("button", name=EMPLOYEE).first.click()
    expect(popup.get_by_role("heading")).to_have_text("You have signed in")
    expect(popup.locator("main")).to_contain_text("open the site in a window of its own")
    expect(frame_of(page).get_by_role("heading")).to_have_text("Sign in to go on")


def popup_address(page: Page) -> str:
    button = frame_of(page).get_by_role("link", name="Sign in")
    return str(button.get_attribute("data-instanceid-popup"))


def test_fld_19_popup_address_of_a_stranger_signs_nobody_in(
    scene: Scene, new_context: Callable[..., BrowserContext]
) -> None:
    """Neither the stranger, whose frame waits, nor the victim who follows the address."""
    stranger = open_framed(scene, new_context())
    context = new_context()
    victim = context.new_page()
    victim.goto(scene.site + popup_address(stranger))
    victim.get_by_role("button", name=EMPLOYEE).first.click()
    expect(victim.get_by_role("heading")).to_have_text("You have signed in")
    victim.goto(scene.site + "/whoami")
    assert '"user": ""' in victim.content()
    stranger.wait_for_timeout(1000)
    expect(frame_of(stranger).get_by_role("heading")).to_have_text("Sign in to go on")


def test_fld_19_foreign_opener_gets_no_message(
    scene: Scene, new_context: Callable[..., BrowserContext]
) -> None:
    own = open_framed(scene, new_context())
    address = scene.site + popup_address(own)
    scene.show(
        "/evil",
        "<script>got = []; addEventListener('message', e => got.push(e.data));"
        f"</script><button onclick=\"open('{address}', '', 'popup')\">Prize</button>",
    )
    page = new_context().new_page()
    page.goto(scene.stranger + "/evil")
    with page.expect_popup() as opened:
        page.get_by_role("button").click()
    opened.value.get_by_role("button", name=EMPLOYEE).first.click()
    expect(opened.value.get_by_role("heading")).to_have_text("You have signed in")
    page.wait_for_timeout(1000)
    assert page.evaluate("got") == []


@pytest.mark.parametrize("secret", ["of nobody", "of another frame", "of the frame"])
def test_fld_19_code_is_worth_nothing_without_the_frames_secret(
    scene: Scene, new_context: Callable[..., BrowserContext], secret: str
) -> None:
    """And nothing a second time with it."""
    context = new_context()
    page = open_framed(scene, context)
    codes: list[str] = []
    context.expose_binding("saw", lambda _source, code: codes.append(code))
    frame_of(page).evaluate(
        "HTMLFormElement.prototype.submit = function () { saw(this.elements.frame_code.value) }; 0"
    )
    sign_in(page)
    while not codes:
        page.wait_for_timeout(100)
    if secret == "of the frame":
        frame, script = frame_of(page), REDEEM.replace("CODE", codes[0])
        assert frame.evaluate(script) == f"{scene.site}/private"
    elif secret == "of another frame":
        other = open_framed(scene, new_context())
        frame, script = frame_of(other), REDEEM.replace("CODE", codes[0])
    else:
        other = new_context().new_page()
        other.goto(scene.site + "/plain")
        frame, script = other.main_frame, REDEEM.replace("CODE", codes[0])
    assert frame.evaluate(script) == f"{scene.site}/signin-frame"


REDEEM = """fetch("/signin-frame", {method: "POST", credentials: "include",
    body: new URLSearchParams({frame_code: "CODE"})}).then(answer => answer.url)"""


PLANT = """
<script>document.cookie = BLANK + "NAME=VALUE; Domain=site.test; Path=/; Secure";</script>
<form method="post" action="ACTION"><textarea name="x"></textarea>FIELDS<button>Go</button></form>
"""


@pytest.mark.parametrize("blank", ["\u2000", "\u00a0", "\t", ""], ids=["2000", "a0", "tab", "none"])
def test_fld_01_sibling_cannot_plant_an_attempt(
    scene: Scene, new_context: Callable[..., BrowserContext], blank: str
) -> None:
    """The victim's browser brings the attacker's answer, and a cookie that the sibling set."""
    attacker = new_context()
    answers: list[str] = []
    page = attacker.new_page()

    def keep(route: Route) -> None:
        answers.append(str(route.request.post_data))
        route.abort()

    page.route("**/signin-callback", keep)
    page.goto(scene.site + "/signin")
    page.get_by_role("button", name=ADMINISTRATOR).first.click()
    while not answers:
        page.wait_for_timeout(100)
    attempt = next(c for c in attacker.cookies() if "erpnet_signin_" in str(c.get("name")))
    fields = "".join(
        f'<input type="hidden" name="{name}" value="{value}">'
        for name, value in parse_qsl(answers[0])
    )
    html = PLANT.replace("BLANK", json.dumps(blank)).replace("NAME", str(attempt["name"]))
    html = html.replace("VALUE", str(attempt["value"]).strip('"')).replace("FIELDS", fields)
    scene.show("/plant", html.replace("ACTION", scene.site + "/signin-callback"))

    victim = new_context().new_page()
    victim.goto(scene.parent.replace(PARENT, SIBLING) + "/plant")
    victim.get_by_role("button").click()
    victim.wait_for_timeout(1500)
    victim.goto(scene.site + "/whoami")
    assert '"user": ""' in victim.content()
