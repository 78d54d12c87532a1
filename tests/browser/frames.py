"""A site in a frame of a page of another site, over TLS, at two registrable domains."""

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from playwright.sync_api import expect

from erpnet_instanceid.testing import Instance, run_instance

from ..settings import MIDDLEWARE
from ..storm.servers import migrate, run_server
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

    def at(self, host):
        """The address of the other sites."""
        return f"https://{host}:{self.port}"

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
        return self.at(PARENT) + "/"


@contextmanager
def run_scene(folder, kind="gunicorn"):
    """Runs the site under test, and the other sites."""
    trusted = Trusted(folder)
    certificate = trusted.certificate(SITE)
    prefix = "--ssl-" if kind == "uvicorn" else "--"
    tls = [f"{prefix}{name}={certificate}" for name in ("certfile", "keyfile")]
    pages = {}
    with (
        run_instance() as instance,
        _other_sites(trusted.context(certificate), pages) as port,
    ):
        settings = _settings(instance, port, folder)
        migrate(settings)
        with run_server(kind, settings, folder / "log", *tls) as server:
            site = f"https://{SITE}:{urlsplit(server.url).port}"
            yield Scene(instance, site, port, pages)


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


def _settings(instance, port, folder):
    framed_by = [f"https://{PARENT}:{port}"]
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "site")}
    return {
        "DATABASES": {
            "default": {**database, "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20}}
        },
        "ROOT_URLCONF": "tests.browser.framed_urls",
        "ALLOWED_HOSTS": [SITE],
        "SESSION_COOKIE_SAMESITE": "None",
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SAMESITE": "None",
        "CSRF_COOKIE_SECURE": True,
        "DEBUG": True,
        "ERPNET_INSTANCEID": {**instance.settings(), "FRAMED_BY": framed_by},
        "MIDDLEWARE": [name for name in MIDDLEWARE if not name.endswith("XFrameOptionsMiddleware")],
    }


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
