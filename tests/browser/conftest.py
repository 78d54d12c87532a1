"""Chromium, and the sites it visits."""

import functools
import itertools
import json
import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from ..support.demo import program
from .frames import HOSTS, run_scene
from .sites import run_watched_demo

# Beside those that Playwright gives it.
CHROMIUM_ARGUMENTS = ["--disable-gpu", "--disable-quic", "--disable-sync"]
RULES = "--host-resolver-rules=" + ", ".join(f"MAP {host} 127.0.0.1" for host in HOSTS)
BLOCKED = "--test-third-party-cookie-phaseout"
ALLOWED = {"profile": {"cookie_controls_mode": 0, "block_third_party_cookies": False}}
PATIENCE = 20_000  # milliseconds, for any one step of a page


# For this package only: while Playwright runs, its event loop makes Django refuse to use the
# database from this thread.
@pytest.fixture(scope="package")
def chromium():
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program("chromium"), args=CHROMIUM_ARGUMENTS
        )
        yield browser
        browser.close()


@pytest.fixture
def open_browser(chromium):
    """Makes visitors, each with cookies of their own; `page.context.new_page()` is another tab.

    Arguments are those of Playwright's `new_context`. No page may fail on the way.
    """
    problems = []

    def note(answer):
        if answer.status == 500:
            problems.append(answer.url)

    with ExitStack() as stack:

        def open_one(**options):
            context = chromium.new_context(**{"locale": "en-GB", **options})
            stack.callback(context.close)
            context.set_default_timeout(PATIENCE)
            context.on("weberror", lambda error: problems.append(str(error.error)))
            context.on("response", note)
            return context.new_page()

        yield open_one
    assert problems == []


@pytest.fixture(scope="package")
def demos(tmp_path_factory):
    """Runs a demo for each SESSION_COOKIE_SAMESITE that is asked for, and keeps it."""
    with ExitStack() as stack:

        @functools.cache
        def demo_of(same_site):
            log = tmp_path_factory.mktemp(same_site) / "shop.log"
            return stack.enter_context(run_watched_demo(log, SESSION_COOKIE_SAMESITE=same_site))

        yield demo_of


@pytest.fixture
def same_site():
    """SESSION_COOKIE_SAMESITE of the site; tests vary it."""
    return "Lax"


@pytest.fixture
def demo(demos, same_site):
    """`manage.py demo`, its stand-in as new: it knows of nobody yet."""
    demo = demos(same_site)
    demo.instance.reset()
    return demo


@pytest.fixture(scope="package")
def scenes(tmp_path_factory):
    """Runs a scene for each server that is asked for, gunicorn or uvicorn, and keeps it."""
    with ExitStack() as stack:

        @functools.cache
        def scene_of(server):
            folder = tmp_path_factory.mktemp(server)
            return stack.enter_context(run_scene(folder, server))

        yield scene_of


@pytest.fixture
def server():
    """The server of the scene: gunicorn or uvicorn; tests vary it."""
    return "gunicorn"


@pytest.fixture
def scene(scenes, server):
    """A site, and pages of other sites that frame it, as new."""
    scene = scenes(server)
    scene.instance.reset()
    scene.pages.clear()
    return scene


@pytest.fixture
def third_party_cookies():
    """Whether the browser has them allowed or blocked; tests vary it."""
    return "allowed"


@pytest.fixture
def new_context(third_party_cookies, chromium, tmp_path):
    """Makes browsers that find the hosts of the scene. Arguments are Playwright's."""
    numbers = itertools.count()
    with ExitStack() as stack:

        def make(**options):
            profile = tmp_path / str(next(numbers))
            (profile / "Default").mkdir(parents=True)
            arguments = [*CHROMIUM_ARGUMENTS, RULES]
            if third_party_cookies == "allowed":
                (profile / "Default" / "Preferences").write_text(json.dumps(ALLOWED))
            else:
                arguments.append(BLOCKED)
            context = chromium.browser_type.launch_persistent_context(
                profile,
                executable_path=program("chromium"),
                args=arguments,
                ignore_https_errors=True,
                **{"locale": "en-GB", **options},
            )
            stack.callback(context.close)
            context.set_default_timeout(PATIENCE)
            return context

        yield make


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory):
    """Where pictures of the pages go: the directory SCREENSHOTS, else pytest's own directory."""
    directory = Path(os.environ.get("SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    directory.mkdir(parents=True, exist_ok=True)
    return directory
