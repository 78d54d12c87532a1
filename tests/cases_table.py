"""Writes docs/cases.rst: which test shows which case. ``python -m tests.cases_table``."""

import ast
import re
from collections import defaultdict
from pathlib import Path

TREE = Path(__file__).parent.parent
TABLE = TREE / "docs" / "cases.rst"
CATEGORIES = {
    "POS": "Sign-ins that succeed",
    "REQ": "The authorization request",
    "CBK": "How the answer reaches the site",
    "STA": "state, and the binding to a browser and its session",
    "HYB": "What binds the hybrid flow together",
    "SIG": "Signatures and algorithms",
    "KEY": "Metadata and keys",
    "CLM": "Claims of ID tokens, and their types",
    "TOK": "The token endpoint",
    "UIN": "Users, from userinfo and access token",
    "RFR": "Refresh",
    "NXT": "Where a visitor goes next",
    "LRP": "Sign-out begun here",
    "LBC": "Back-channel sign-out",
    "LFC": "Front-channel sign-out",
    "TPI": "Sign-in begun elsewhere",
    "API": "The instance's APIs",
    "HYG": "Hygiene and configuration",
    "FLD": "What sites have met in use",
}
NAME = re.compile(
    rf"(?:test_)?({'|'.join(CATEGORIES).lower()})_(\d\d)(?:_(\d\d))?[_ ]", re.IGNORECASE
)
HEAD = """\
Which test shows which case
===========================

Made by ``python -m tests.cases_table`` from the names of the tests and of their variants. A row
that is not here has no test named after it. That no secret reaches a log, a page, an error mail
or a table (HYG-01) is watched by ``tests/support/leaks.py`` in every test that signs in.
"""


def tests_by_case():
    """Case id to tests, as ``file::function``."""
    found = defaultdict(list)
    for path in sorted((TREE / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name = node.name
            elif isinstance(node, ast.keyword) and node.arg == "id":
                # One of several variants of a test: its own id names the case.
                name = str(getattr(node.value, "value", ""))
            else:
                continue
            match = NAME.match(name)
            for number in filter(None, match.groups()[1:] if match else ()):
                case = f"{match[1].upper()}-{number}"
                found[case].append(f"{path.relative_to(TREE).as_posix()}::{name}")
    return dict(found)


def table():
    """The whole page."""
    found = tests_by_case()
    lines = [HEAD]
    for category, title in CATEGORIES.items():
        lines += [f"{category}: {title}", "-" * (len(category) + 2 + len(title)), ""]
        for case in sorted(case for case in found if case.startswith(category)):
            lines.append(f"{case}")
            lines += [f"    * ``{test}``" for test in found[case]]
            lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
