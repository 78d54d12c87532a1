"""A table of results as reStructuredText. Needs nothing but Python, for the check in lint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Table = dict[str, Any]


def lines_of(table: Table) -> Iterator[str]:
    """The table's lines; a column for the targets only where there are some."""
    has_targets = any(row["target"] for row in table["rows"])
    yield f".. list-table:: {table['title']}"
    yield "   :header-rows: 1"
    yield ""
    yield from _line(["measured", *table["columns"], *(["target"] if has_targets else [])])
    for row in table["rows"]:
        cells = [row["cells"].get(name, {}).get("text", "") for name in table["columns"]]
        yield from _line([row["title"], *cells, *([verdict(row)] if has_targets else [])])


def verdict(row: dict[str, Any]) -> str:
    if row["met"] is None:
        return str(row["target"])
    return f"{row['target']}: {'OK' if row['met'] else '**MISSED**'}"


def ahead_of_us(table: Table) -> Iterator[str]:
    """A line for each row in which a peer does better, by more than the figures may be off."""
    for row in table["rows"]:
        for ours in table["ours"]:
            peers = [name for name in table["peers"] if _is_ahead(row, name, ours)]
            if peers:
                told = ", ".join(f"{name} {row['cells'][name]['text']}" for name in (ours, *peers))
                yield f"{table['title']}, {row['title']}: {told}"


def missed(table: Table) -> Iterator[str]:
    """A line for each target that was missed."""
    for row in table["rows"]:
        if row["met"] is False:
            yield f"{table['title']}, {row['title']}: {row['target']}"


def _is_ahead(row: dict[str, Any], peer: str, ours: str) -> bool:
    theirs, own = (row["cells"].get(name, {}) for name in (peer, ours))
    if not row["better"] or "value" not in theirs or "value" not in own:
        return False
    sign = 1 if row["better"] == "less" else -1
    return bool(sign * (own["value"] - theirs["value"]) > own["error"] + theirs["error"])


def _line(cells: list[str]) -> Iterator[str]:
    for at, cell in enumerate(cells):
        yield f"   {'*' if at == 0 else ' '} - {cell}".rstrip()
