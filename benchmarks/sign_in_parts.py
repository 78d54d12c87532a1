"""The parts of our sign-in, beside each other: how much of it is whose work."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence

from .measure import MICROSECONDS, Figure
from .parts import PARTS
from .report import Report, Row, say
from .sign_in import OURS, OURS_CODE, TITLES, environment, ready_stand_in, site_process

SITES = (OURS_CODE, OURS)
TURNS = 10


def measure(times: int) -> dict[str, Mapping[str, Figure]]:
    """Of each site the microseconds of each part."""
    with tempfile.TemporaryDirectory() as directory, ready_stand_in() as instance:
        found: dict[str, Mapping[str, Figure]] = {}
        for site in SITES:
            say(f"{site}: {times} sign-ins")
            with site_process(environment(site, instance, directory)) as ask:
                ask("migrate")
                ask("check")
                turns = []
                for _ in range(TURNS):
                    instance.forget_requests()
                    turns.append(ask("parts", times=times // TURNS))
            found[site] = {part: _mean(part, turns) for part in PARTS}
    return found


def _mean(part: str, turns: Sequence[tuple[float, Mapping[str, float]]]) -> Figure:
    taken = [seconds * shares[part] for seconds, shares in turns]
    return Figure(MICROSECONDS * sum(taken) / len(taken), 0)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=2000, help="sign-ins of each site")
    options = parser.parse_args(arguments)
    found = measure(options.times)
    rows = [Row(part, {TITLES[site]: found[site][part] for site in SITES}) for part in PARTS]
    report = Report()
    columns = [TITLES[site] for site in SITES]
    report.table("sign_in_parts", "The parts of a sign-in, CPU", columns, rows, ours=columns)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
