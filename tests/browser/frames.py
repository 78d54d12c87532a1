"""A site in a frame of a page of another site, over TLS, at two registrable domains."""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from playwright.sync_api import BrowserContext, Frame, Page, expect

from erpnet_instanceid.testing import Instance, run_instance

from ..support.demo import ROOT, read_until, run_program
from ..support.tls import Trusted
from .steps import EMPLOYEE

SITE, PARENT, STRANGER = "site.test", "parent.example", "stranger.example"
SIBLING = f"evil.{SITE}"
HOSTS = (SITE, PARENT, STRANGER, SIBLING)
WAITS = "Sign in to go on"


@dataclass(frozen=True)
class OtherPage:
    """A page of another site, and the header lines that come with it."""

    html: str
    headers: list[tuple[str, str]]


@dataclass(frozen=True)
class Scene:
    """A stand-in, the site, and pages of other sites at ``port``."""

    instance: Instance
    site: str
    port: int
    pages: dict[str, OtherPage] = field(default_factory=dict)

    @property
    def parent(self) -> str:
        return f"https://{PARENT}:{self.port}"

    @property
    def stranger(self) -> str:
        return f"https://{STRANGER}:{self.port}"

    @property
    def sibling(self) -> str:
        return f"https://{SIBLING}:{self.port}"

    def show(self, path: str, html: str, *headers: tuple[str, str]) -> None:
        """Puts a page on the other sites."""
        self.pages[path] = OtherPage(html, list(headers))

    def show_frames(self, *names: str, path: str = "/private", **headers: str) -> str:
        """Puts a page with frames of the site on the other sites; its address at the parent."""
        html = "".join(
            f'<iframe name="{name}" width="700" height="500" src="{self.site}{path}"></iframe>'
            for name in names or ("site",)
        )
        self.show("/", html, *headers.items())
        return self.parent + "/"


@contextmanager
def run_scene(folder: Path, interface: str = "wsgi") -> Iterator[Scene]:
    """Runs the site under test by WSGI or ASGI, and the other sites."""
    trusted = Trusted(folder)
    certificate = trusted.certificate(SITE)
    pages: dict[str, OtherPage] = {}
    with (
        run_instance() as instance,
        _other_sites(trusted.context(certificate), pages) as port,
        _site(folder, certificate, interface, _settings(instance, port)) as site_port,
    ):
        yield Scene(instance, f"https://{SITE}:{site_port}", port, pages)


@contextmanager
def _other_sites(context: ssl.SSLContext, pages: dict[str, OtherPage]) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path, OtherPage("", []))
            self.send_response(200)
            for name, value in (("Content-Type", "text/html"), *page.headers):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(page.html.encode())

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def _settings(instance: Instance, port: int) -> dict[str, Any]:
    framed_by = [f"https://{PARENT}:{port}"]
    return {
        "ALLOWED_HOSTS": [SITE],
        "SESSION_COOKIE_SAMESITE": "None",
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SAMESITE": "None",
        "CSRF_COOKIE_SECURE": True,
        "DEBUG": True,
        "ERPNET_INSTANCEID": {**instance.settings(), "FRAMED_BY": framed_by},
        "MIDDLEWARE": [
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.locale.LocaleMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "erpnet_instanceid.middleware.TokenRefreshMiddleware",
        ],
    }


@contextmanager
def _site(
    folder: Path, certificate: Path, interface: str, settings: dict[str, Any]
) -> Iterator[int]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": str(ROOT),
        "TESTS_DIRECTORY": str(folder),
        "TESTS_SETTINGS": json.dumps(settings),
    }
    command = [sys.executable, "-m", "tests.browser.tls_site", str(certificate), interface]
    with (folder / "site.log").open("w") as log, run_program(command, environment, log) as running:
        yield int(read_until(running, "port").split()[-1])


def open_framed(scene: Scene, context: BrowserContext, path: str = "/private") -> Page:
    page = context.new_page()
    page.goto(scene.show_frames(path=path))
    return page


def frame_of(page: Page, name: str = "site") -> Frame:
    return cast(Frame, page.frame(name=name))


def open_popup(page: Page, frame: str = "site") -> Page:
    """Clicks the button in the frame; the window that opens, whether the page reaches it or not."""
    with page.context.expect_page() as opened:
        frame_of(page, frame).get_by_role("link", name="Sign in").click()
    return opened.value


def choose(popup: Page, person: str = EMPLOYEE) -> None:
    """Signs in at the instance."""
    popup.get_by_role("button", name=person).first.click()


def sign_in(page: Page, person: str = EMPLOYEE, frame: str = "site") -> None:
    choose(open_popup(page, frame), person)
    login = "maria" if person == EMPLOYEE else "admin"
    expect_private(page, login, frame)


def expect_private(page: Page, login: str, frame: str = "site") -> None:
    expect(page.frame_locator(f"[name={frame}]").locator("body")).to_have_text(
        f"private page of {login}"
    )


def expect_waiting(page: Page) -> None:
    """The frame has nobody signed in."""
    expect(frame_of(page).get_by_role("heading")).to_have_text(WAITS)


def expect_nobody(page: Page, scene: Scene) -> None:
    """At top level nobody is signed in."""
    page.goto(scene.site + "/whoami")
    assert '"user": ""' in page.content()
