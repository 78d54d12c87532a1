"""The CPU of a call to the instance's API, beside an earlier commit of this app.

``python -m benchmarks.beside 4bac1d3``. Both call one stand-in, in processes of their own that take
turns. The instance has no limits here.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .api import stand_in
from .measure import MAX_DEPTH, Turns, added, figure
from .report import Report, Row, say

ROOT = Path(__file__).parent.parent
PACKAGE = "erpnet_instanceid"
TODAY = "today"
# The layout of a process's memory makes a difference.
PROCESSES, TURNS = 8, 80
TARGET = 0.03


def extract(commit: str, folder: Path) -> None:
    """The package as it was at ``commit``."""
    command = ["git", "archive", commit, PACKAGE]
    archive = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")


@contextmanager
def caller(folder: Path, instance: str) -> Iterator[subprocess.Popen[str]]:
    """A process that calls with the package in ``folder``."""
    program = [sys.executable, "-m", "benchmarks.one_commit", instance]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(program, cwd=folder, env={"PYTHONPATH": str(ROOT)}, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.communicate()


def take_turns(folders: dict[str, Path], instance: str) -> Turns:
    """CPU seconds that a call took, by commit."""
    chance, taken = random.Random(0), {name: list[float]() for name in folders}
    for _ in range(PROCESSES):
        with ExitStack() as stack:
            callers = {
                name: stack.enter_context(caller(folder, instance))
                for name, folder in folders.items()
            }
            for _ in range(TURNS):
                depth = chance.randrange(MAX_DEPTH)
                for name in chance.sample(list(callers), len(callers)):
                    taken[name].append(answer_of(callers[name], str(depth)))
    return taken


def answer_of(process: subprocess.Popen[str], depth: str) -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    print(depth, file=process.stdin, flush=True)
    return float(process.stdout.readline())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit")
    commit = parser.parse_args(arguments).commit
    with stand_in() as instance, tempfile.TemporaryDirectory() as folder:
        extract(commit, Path(folder))
        instance.lift_limits()
        # An earlier commit does not know a setting, and does without it.
        settings = json.dumps({**instance.settings(), "API_PER_MINUTE": 0})
        say(f"{PROCESSES} processes each, {TURNS} turns of ten calls")
        by_cpu = take_turns({commit: Path(folder), TODAY: ROOT}, settings)
    report = Report()
    earlier, more = figure(by_cpu[commit]), added(by_cpu, TODAY, commit)
    share = f"{more.value / earlier.value:+.1%} ±{more.error / earlier.value:.1%}"
    met = more.value <= TARGET * earlier.value
    cells = {commit: earlier, TODAY: figure(by_cpu[TODAY]), "more": share}
    row = Row("CPU of a call", cells, target=f"≤ {TARGET:.0%}", met=met)
    report.table("beside", "A call that reads ten customers", list(cells), [row])
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
