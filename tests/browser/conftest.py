"""Chromium, and the sites it visits."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from .sites import (
    Demo,
    SecondProvider,
    install_second_provider,
    run_second_provider,
    run_watched_demo,
)

CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 20_000  # milliseconds, for any one step of a page

OpenBrowser = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("browser")


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


# For this package only: while Playwright runs, its event loop makes Django refuse to use the
# database from this thread.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    path = _program("chromium")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_browser(chromium: Browser) -> Iterator[OpenBrowser]:
    """Makes visitors, each with cookies of their own; `page.context.new_page()` is another tab.

    Arguments are those of Playwright's `new_context`. No page may fail on the way.
    """
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_one(**options: Any) -> Page:
        context = chromium.new_context(**{"locale": "en-GB", **options})
        context.set_default_timeout(PATIENCE)
        context.on("weberror", lambda error: problems.append(str(error.error)))
        context.on(
            "response",
            lambda answer: (
                answer.status == 500 and problems.append(f"{answer.status} {answer.url}")
            ),
        )
        contexts.append(context)
        return context.new_page()

    yield open_one
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture(scope="package")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Demo]]:
    """Runs a demo for each SESSION_COOKIE_SAMESITE that is asked for, and keeps it."""
    running: dict[str, Demo] = {}
    with ExitStack() as stack:

        def demo_of(same_site: str) -> Demo:
            if same_site not in running:
                log = tmp_path_factory.mktemp(same_site) / "shop.log"
                demo = run_watched_demo(log, SESSION_COOKIE_SAMESITE=same_site)
                running[same_site] = stack.enter_context(demo)
            return running[same_site]

        yield demo_of


@pytest.fixture
def same_site() -> str:
    """SESSION_COOKIE_SAMESITE of the site; tests vary it."""
    return "Lax"


@pytest.fixture
def demo(demos: Callable[[str], Demo], same_site: str) -> Demo:
    """`manage.py demo`, its stand-in as new: it knows of nobody yet."""
    demo = demos(same_site)
    demo.instance.reset()
    return demo


@pytest.fixture(scope="package")
def second_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecondProvider]:
    """A shop beside a provider nobody here wrote. Access tokens live for three seconds."""
    _program("node")
    _program("npm")
    install_second_provider()
    log = tmp_path_factory.mktemp("second") / "shop.log"
    with run_second_provider(log, access_token_seconds=3) as running:
        yield running


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the pages go: the directory SCREENSHOTS, else pytest's own directory."""
    chosen = os.environ.get("SCREENSHOTS")
    directory = Path(chosen) if chosen else tmp_path_factory.mktemp("screenshots")
    directory.mkdir(parents=True, exist_ok=True)
    return directory
