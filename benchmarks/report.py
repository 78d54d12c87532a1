"""Tables for README.rst, each figure beside its target."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import django

PEERS = (
    "mozilla-django-oidc",
    "django-lasuite",
    "django-allauth",
    "social-auth-app-django",
    "Authlib",
)


class Report:
    """Prints tables, and remembers which targets were missed."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def verdict(self, name: str, target: str, *, met: bool) -> str:
        """The cell that says whether ours meets its target."""
        if not met:
            self.missed.append(f"{name}: {target}")
        return f"{target}: {'OK' if met else '**MISSED**'}"

    def table(self, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        lines = ["", f".. list-table:: {title}", "   :header-rows: 1", ""]
        for row in (head, *rows):
            lines += [f"   {'*' if at == 0 else ' '} - {cell}" for at, cell in enumerate(row)]
        print("\n".join(lines), flush=True)

    def end(self) -> int:
        """Exit code of the benchmark."""
        print()
        print("All targets met." if not self.missed else "MISSED: " + "; ".join(self.missed))
        return 1 if self.missed else 0


def say(text: str) -> None:
    """Progress, beside the report."""
    print(text, file=sys.stderr, flush=True)


def machine() -> str:
    """One line about where the figures come from."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    peers = ", ".join(f"{name} {version(name)}" for name in PEERS)
    return (
        f"{_processor()}, {os.cpu_count()} cores, load {load}; {platform.system()}; "
        f"Python {platform.python_version()}; Django {django.__version__}; {peers}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
