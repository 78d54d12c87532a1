"""The pages that show figures: each figure comes from results.json, and none is typed.

Needs nothing but Python. As a program it says which pages do not show what results.json says.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .tables import Table, ahead_of_us, lines_of, missed

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
PAGES = (ROOT / "docs" / "performance.rst", ROOT / "README.rst")
BLOCK = re.compile(r"(?<=^\.\. figures: )(\w+)\n.*?(?=^\.\. end of figures$)", re.DOTALL | re.M)

OURS, OURS_CODE = "ours", "ours, code flow"
MOZILLA, AUTHLIB = "mozilla-django-oidc", "Authlib"

README = """\
Measured in one run on {processor}, with Python {Python} and Django {Django}:

* A sign-in takes {cpu} of the CPU that mozilla-django-oidc takes, in the same flow; Authlib takes
  {cpu_authlib}. With ``form_post`` it is {cpu_form_post}.
* Two workers on PostgreSQL sign in {rate} times as many people per second.
* The middleware adds {page} to a page that uses the user; mozilla-django-oidc's adds
  {page_mozilla}.
* Of 20 requests at once with an expired token, {storm} are answered with a fresh one; with
  django-lasuite {storm_lasuite}, with social-auth {storm_social}.
"""
CPU, RATE = "CPU of the views, ratio", "PostgreSQL: ratio"
PAGE, STORM = "page that uses the user", "of 20 requests"
# The table, the beginning of the row, and the column.
README_FIGURES = {
    "cpu": ("sign_in", CPU, OURS_CODE),
    "cpu_authlib": ("sign_in", CPU, AUTHLIB),
    "cpu_form_post": ("sign_in", CPU, OURS),
    "rate": ("sign_in_rate", RATE, OURS_CODE),
    "page": ("middleware", PAGE, "erpnet_instanceid"),
    "page_mozilla": ("middleware", PAGE, MOZILLA),
    "storm": ("storm", STORM, OURS),
    "storm_lasuite": ("storm", STORM, "django-lasuite"),
    "storm_social": ("storm", STORM, "social-auth"),
}


def filled(page: str, results: dict[str, Any]) -> str:
    """The page with the figures of these results between its marks."""

    def fill(block: re.Match[str]) -> str:
        lines = GENERATED.get(block[1], _table_of(block[1]))(results)
        return "\n".join([block[1], "", *lines, "", ""])

    return BLOCK.sub(fill, page)


def _table_of(name: str) -> Any:
    return lambda results: lines_of(results["tables"][name]) if name in results["tables"] else []


def _machine(results: dict[str, Any]) -> Iterator[str]:
    machine = results["machine"]
    libraries = [f"{name} {machine[name]}" for name in machine if name[0].isupper() or "-" in name]
    yield f"{machine['processor']}; {machine['system']}; {', '.join(libraries)}."


def _worse(results: dict[str, Any]) -> Iterator[str]:
    tables = results["tables"].values()
    ahead = [line for table in tables for line in ahead_of_us(table)]
    yield from (f"* {line}" for line in ahead or ["No peer is ahead in this run."])


def _missed(results: dict[str, Any]) -> Iterator[str]:
    tables = results["tables"].values()
    lines = [line for table in tables for line in missed(table)]
    yield from (f"* {line}" for line in lines or ["None in this run."])


def _readme(results: dict[str, Any]) -> Iterator[str]:
    shown = {
        name: _row(results["tables"][table], row)["cells"][column]["figure"]
        for name, (table, row, column) in README_FIGURES.items()
    }
    yield from README.format(**results["machine"], **shown).splitlines()
    yield ""
    yield from _chart("docs/")


def _chart(folder: str = "") -> Iterator[str]:
    yield f".. image:: {folder}performance.svg"
    yield "   :alt: The CPU of a sign-in and the sign-ins per second, with each library."


def _row(table: Table, beginning: str) -> dict[str, Any]:
    return next(row for row in table["rows"] if row["title"].startswith(beginning))


GENERATED = {
    "machine": _machine,
    "chart": lambda _results: _chart(),
    "worse": _worse,
    "missed": _missed,
    "readme": _readme,
}


def main() -> int:
    if not RESULTS.exists():
        return 0
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    texts = {page: page.read_text(encoding="utf-8") for page in PAGES}
    stale = [page.name for page, text in texts.items() if filled(text, results) != text]
    for name in stale:
        print(f"{name} shows other figures than results.json: run python -m benchmarks.publish")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
