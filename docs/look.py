"""Looks at the built pages in Chromium: python docs/look.py FOLDER [PICTURES]

axe finds no fault on any page, by day on a desk and by night on a phone, and no page is wider than
the screen. PICTURES is a folder for a picture of each.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, repeat
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

# How a page may differ, each way once: axe takes a second for a long page.
WAYS = (("light", 1300), ("dark", 390))


def faults(page: Page, path: Path, pictures: Path | None) -> Iterator[str]:
    """The faults of one page."""
    page.goto(path.as_uri())
    for scheme, width in WAYS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        if pictures:
            page.screenshot(path=pictures / f"{path.stem}-{scheme}.png", full_page=True)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            yield f"{path.name}, {scheme}: wider than the screen"
        for found in Axe().run(page).response["violations"]:
            yield f"{path.name}, {scheme}: {found['help']}: {found['nodes'][0]['html']}"


def look(pages: list[Path], pictures: Path | None) -> list[str]:
    """The faults of these pages."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        found = [line for path in pages for line in faults(page, path, pictures)]
        browser.close()
    return found


def look_at_all(folder: Path, pictures: Path | None) -> list[str]:
    """The faults of all pages below the folder. Each processor has a browser of its own."""
    count = os.cpu_count() or 1
    # Nearly all of the time goes into the contrast of long pages: deal them out by their size.
    pages = sorted(folder.rglob("*.html"), key=lambda path: path.stat().st_size)
    with ProcessPoolExecutor(count) as processes:
        parts = [pages[number::count] for number in range(count)]
        return list(chain.from_iterable(processes.map(look, parts, repeat(pictures))))


if __name__ == "__main__":
    if shutil.which("chromium") is None:
        sys.stdout.write("chromium is not installed: nobody has looked at the pages\n")
        sys.exit()
    folder, *more = (Path(name).resolve() for name in sys.argv[1:])
    lines = look_at_all(folder, more[0] if more else None)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.exit(bool(lines))
