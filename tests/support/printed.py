"""The code in the documentation, for tests that run it."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
DOCS = TREE / "docs"
BLOCK = re.compile(
    r"^(?P<indent> *)\.\. code-block:: (?P<language>\S+)\n"
    r"(?P<options>(?:(?P=indent)   :.*\n)*)\n"
    r"(?P<text>(?:(?:(?P=indent)   .*)?\n)+)",
    re.MULTILINE,
)
CAPTION = re.compile(r":caption: (.*)")


@dataclass(frozen=True)
class Block:
    """One block of code, its language, and its caption where it has one."""

    language: str
    caption: str
    text: str


def blocks(page):
    """The blocks of code of a page, in their order."""
    found = []
    for match in BLOCK.finditer(page.read_text(encoding="utf-8")):
        caption = CAPTION.search(match["options"])
        text = textwrap.dedent(match["text"]).strip() + "\n"
        found.append(Block(match["language"], caption[1] if caption else "", text))
    return found
