"""All benchmarks in one run: prints their tables, and keeps them for the docs."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .pages import RESULTS
from .publish import publish
from .report import RESULT, say

SECTIONS = (
    "sign_in",
    "sign_in_parts",
    "sign_in_instructions",
    "storm",
    "growth",
    "footprint",
    "middleware",
    "instructions",
    "api",
)
# Enough to see that everything runs.
QUICK = {
    "sign_in": ["--turns=3", "--rounds=2", "--seconds=1"],
    "sign_in_parts": ["--times=400"],
    "sign_in_instructions": ["--without-peers"],
    "storm": ["--rounds=1"],
    "growth": ["--turns=2", "--largest=20000"],
    "footprint": ["--turns=1"],
    "middleware": ["--processes=1", "--turns=5"],
}

Results = dict[str, Any]


def run(section: str, arguments: Sequence[str]) -> Results | None:
    """The tables of a section, None where it could not run."""
    say(f"== {section}")
    with tempfile.TemporaryDirectory() as directory:
        result = Path(directory, "result.json")
        command = [sys.executable, "-m", f"{__package__}.{section}", *arguments]
        # A target that was missed makes the section fail, and stands in its table.
        subprocess.run(command, env={**os.environ, RESULT: str(result)}, check=False)
        return json.loads(result.read_text()) if result.exists() else None


def add(results: Results, told: Results) -> Results:
    """``results`` with the tables of another section. Those of another machine go."""
    if results.get("machine") != told["machine"]:
        results = {"machine": told["machine"], "tables": {}}
    return {**results, "tables": {**results["tables"], **told["tables"]}}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="all of them")
    parser.add_argument("--quick", action="store_true", help="only to see that everything runs")
    options = parser.parse_args()
    results: Results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    failed, missed = [], []
    for section in options.sections or SECTIONS:
        told = run(section, QUICK.get(section, []) if options.quick else [])
        if told is None:
            failed.append(section)
            continue
        missed += told["missed"]
        results = add(results, told)
    text = json.dumps(results, indent=1, ensure_ascii=False) + "\n"
    print(text)
    if not options.quick:
        RESULTS.write_text(text, encoding="utf-8")
        publish()
    for name, lines in (("NOT MEASURED", failed), ("MISSED", missed)):
        print(*(f"{name}: {line}" for line in lines), sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
