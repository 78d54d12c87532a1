"""The oldest versions of the dependencies are free of known advisories, and are tested."""

import configparser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

TREE = Path(__file__).parents[1]
# The first version without a known advisory, of each dependency that has had one.
SAFE = {
    "django": "5.2.14",
    "requests": "2.33.0",
    "urllib3": "2.7.0",
    "cryptography": "46.0.7",
    "pyjwt": "2.13.0",
    "jinja2": "3.1.6",
    "flask": "3.1.3",
}


def requirements():
    """Those of the app and of its extra ``testing``."""
    setup = configparser.ConfigParser()
    setup.read(TREE / "setup.cfg")
    lines = setup["options"]["install_requires"], setup["options.extras_require"]["testing"]
    found = [Requirement(line) for text in lines for line in text.split("\n") if line]
    return {requirement.name: requirement for requirement in found}


def floors():
    lines = (TREE / "tests" / "floors.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    return {name: Version(version) for name, version in pairs}


def test_every_floor_is_the_one_that_is_tested():
    named = {
        name: Version(specifier.version)
        for name, requirement in requirements().items()
        for specifier in requirement.specifier
        if specifier.operator == ">="
    }
    assert named == floors()


@pytest.mark.parametrize("name", SAFE)
def test_floor_has_no_known_advisory(name):
    assert floors()[name] >= Version(SAFE[name])
