"""Tables of figures, each row beside its target: printed, and kept as JSON for the docs."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import django

from .measure import Figure
from .tables import lines_of, missed

PEERS = (
    "mozilla-django-oidc",
    "django-lasuite",
    "django-allauth",
    "social-auth-app-django",
    "Authlib",
)
# The file in which `python -m benchmarks` wants a section's tables.
RESULT = "BENCHMARK_RESULT"


@dataclass(frozen=True)
class Noted:
    """A figure, and what else there is to say in its cell."""

    figure: Figure
    notes: Sequence[str]

    def __str__(self) -> str:
        return ", ".join([str(self.figure), *self.notes])


@dataclass(frozen=True)
class Row:
    """Cells by column. ``better`` is "less" or "more", where a peer may be ahead of us."""

    title: str
    cells: Mapping[str, Figure | Noted | str]
    better: str = ""
    target: str = ""
    met: bool | None = None


class Report:
    """Prints tables, and remembers which targets were missed."""

    def __init__(self) -> None:
        self.tables: dict[str, Any] = {}
        self.missed: list[str] = []

    def table(
        self,
        name: str,
        title: str,
        columns: Sequence[str],
        rows: Sequence[Row],
        *,
        ours: Sequence[str] = (),
        peers: Sequence[str] = (),
    ) -> None:
        """Adds a table. ``ours`` are the columns to compare with those of ``peers``."""
        table = {
            "title": title,
            "columns": list(columns),
            "ours": list(ours),
            "peers": list(peers),
            "rows": [_row(row) for row in rows],
        }
        self.tables[name] = table
        self.missed += missed(table)
        print("\n".join(["", *lines_of(table)]), flush=True)

    def end(self) -> int:
        """Exit code of the benchmark."""
        print()
        print("All targets met." if not self.missed else "MISSED: " + "; ".join(self.missed))
        if RESULT in os.environ:
            told = {"machine": machine(), "tables": self.tables, "missed": self.missed}
            Path(os.environ[RESULT]).write_text(json.dumps(told))
        return 1 if self.missed else 0


def _row(row: Row) -> dict[str, Any]:
    cells = {name: _cell(cell) for name, cell in row.cells.items()}
    told = {"title": row.title, "cells": cells, "better": row.better}
    return {**told, "target": row.target, "met": row.met}


def _cell(cell: Figure | Noted | str) -> dict[str, Any]:
    if isinstance(cell, str):
        return {"text": cell}
    figure = cell.figure if isinstance(cell, Noted) else cell
    value, error = (float(f"{number:.5g}") for number in (figure.value, figure.error))
    return {"text": str(cell), "figure": str(figure), "value": value, "error": error}


def say(text: str) -> None:
    """Progress, beside the report."""
    print(text, file=sys.stderr, flush=True)


def machine() -> dict[str, str]:
    """Where the figures come from."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": platform.system(),
        "Python": platform.python_version(),
        "Django": django.__version__,
        **{name: version(name) for name in PEERS},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
