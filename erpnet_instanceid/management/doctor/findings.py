"""The doctor's sentences about each thing that it examines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """A sentence about one thing and, if something is wrong with it, the cure.

    ``mark`` is "ok", "BAD" if it has to be put right, and "look" if the doctor cannot tell and the
    operator has to look. ``about`` names the thing for programs.
    """

    mark: Literal["ok", "look", "BAD"]
    about: str
    text: str
    cure: str = ""


def ok(about: str, text: str) -> Finding:
    return Finding("ok", about, text)


def look(about: str, text: str, cure: str = "") -> Finding:
    return Finding("look", about, text, cure)


def bad(about: str, text: str, cure: str = "") -> Finding:
    return Finding("BAD", about, text, cure)
