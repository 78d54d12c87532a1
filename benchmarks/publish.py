"""Writes the figures of results.json into the pages that show them, and draws the chart."""

from __future__ import annotations

import json
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .pages import OURS, PAGES, RESULTS, ROOT, filled
from .tables import Table

CHART = ROOT / "docs" / "performance.svg"
OWN_COLOUR, OTHER_COLOUR = "#0c6e8c", "#b9c4ca"


def publish() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8"), results), encoding="utf-8")
    draw(results["tables"])


def draw(tables: dict[str, Any]) -> None:
    """A bar for each library: the CPU of a sign-in, and sign-ins per second."""
    # The same figures draw the same file.
    mpl.rcParams.update({"svg.hashsalt": "performance", "svg.fonttype": "none", "font.size": 9})
    figure = Figure(figsize=(9, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    _bars(left, tables["sign_in"], "CPU of the views", "CPU of a sign-in, ms")
    _bars(right, tables["sign_in_rate"], "PostgreSQL: sign-ins", "sign-ins per second, PostgreSQL")
    figure.savefig(CHART, metadata={"Date": None})


def _bars(axes: Axes, table: Table, beginning: str, title: str) -> None:
    row = next(row for row in table["rows"] if row["title"].startswith(beginning))
    names = table["columns"]
    values = [row["cells"][name]["value"] for name in names]
    errors = [row["cells"][name]["error"] for name in names]
    colours = [OWN_COLOUR if name.startswith(OURS) else OTHER_COLOUR for name in names]
    bars = axes.barh(names, values, xerr=errors, color=colours)
    axes.bar_label(bars, fmt="%.1f", padding=6)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, loc="left", fontsize=10)


if __name__ == "__main__":
    publish()
