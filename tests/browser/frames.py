"""A site in a frame of a page of another site, over TLS, at two registrable domains."""

import json
import os
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from playwright.sync_api import expect

from erpnet_instanceid.testing import Instance, run_instance

from ..support.demo import ROOT, read_until, run_program
from ..support.tls import Trusted
from .steps import EMPLOYEE

SITE, PARENT, STRANGER = "site.test", "parent.example", "stranger.example"
SIBLING = f"evil.{SITE}"
HOSTS = (SITE, PARENT, STRANGER, SIBLING)
WAITS = "Sign in to go on"


@dataclass(frozen=True)
class Scene:
    """A stand-in, the site, and pages of other sites at ``port``: HTML and headers by path."""

    instance: Instance
    site: str
    port: int
    pages: dict

    @property
    def parent(self):
        return f"https://{PARENT}:{self.port}"

    @property
    def stranger(self):
        return f"https://{STRANGER}:{self.port}"

    @property
    def sibling(self):
        return f"https://{SIBLING}:{self.port}"

    def show(self, path, html, *headers):
        """Puts a page on the other sites."""
        self.pages[path] = (html, headers)

    def show_frames(self, *names, path="/private", **headers):
        """Puts a page with frames of the site on the other sites; its address at the parent."""
        html = "".join(
            f'<iframe name="{name}" width="700" height="500" src="{self.site}{path}"></iframe>'
            for name in names or ("site",)
        )
        self.show("/", html, *headers.items())
        return self.parent + "/"


@contextmanager
def run_scene(folder, interface="wsgi"):
    """Runs the site under test by WSGI or ASGI, and the other sites."""
    trusted = Trusted(folder)
    certificate = trusted.certificate(SITE)
    pages = {}
    with (
        run_instance() as instance,
        _other_sites(trusted.context(certificate), pages) as port,
        _site(folder, certificate, interface, _settings(instance, port)) as site_port,
    ):
        yield Scene(instance, f"https://{SITE}:{site_port}", port, pages)


@contextmanager
def _other_sites(context, pages):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            html, headers = pages.get(self.path, ("", ()))
            self.send_response(200)
            for name, value in (("Content-Type", "text/html"), *headers):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def _settings(instance, port):
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
def _site(folder, certificate, interface, settings):
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


def open_framed(scene, context, path="/private"):
    page = context.new_page()
    page.goto(scene.show_frames(path=path))
    return page


def frame_of(page, name="site"):
    return page.frame(name=name)


def open_popup(page, frame="site"):
    """Clicks the button in the frame; the window that opens, whether the page reaches it or not."""
    with page.context.expect_page() as opened:
        frame_of(page, frame).get_by_role("link", name="Sign in").click()
    return opened.value


def choose(popup, person=EMPLOYEE):
    """Signs in at the instance."""
    popup.get_by_role("button", name=person).first.click()


def sign_in(page, person=EMPLOYEE, frame="site"):
    choose(open_popup(page, frame), person)
    login = "maria" if person == EMPLOYEE else "admin"
    expect_private(page, login, frame)


def expect_private(page, login, frame="site"):
    expect(page.frame_locator(f"[name={frame}]").locator("body")).to_have_text(
        f"private page of {login}"
    )


def expect_waiting(page):
    """The frame has nobody signed in."""
    expect(frame_of(page).get_by_role("heading")).to_have_text(WAITS)


def expect_nobody(page, scene):
    """At top level nobody is signed in."""
    page.goto(scene.site + "/whoami")
    assert '"user": ""' in page.content()
