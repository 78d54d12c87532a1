"""The command line of `manage.py instanceid`."""

import subprocess
import sys

import pytest

from erpnet_instanceid.management.commands.instanceid import ACTIONS, Command

from .command import told


def test_alone_it_prints_its_help():
    printed = " ".join(told().split())
    for action, text in ACTIONS.items():
        assert action in printed
        assert text in printed


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    ("option", "name", "value"),
    [
        (["--settings", "x"], "settings", "x"),
        (["--pythonpath", "x"], "pythonpath", "x"),
        (["-v", "2"], "verbosity", 2),
        (["--no-color"], "no_color", True),
        (["--force-color"], "force_color", True),
        (["--traceback"], "traceback", True),
    ],
)
def test_general_option_before_and_after_the_action(action, option, name, value):
    parser = Command().create_parser("manage.py", "instanceid")
    for arguments in ([*option, action], [action, *option]):
        assert getattr(parser.parse_args(arguments), name) == value
    assert getattr(parser.parse_args([action]), name) in (None, False, 1)


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["register", "--site", "https://rp.test", "--settings", "tests.settings"], 0, "rp.test"),
        (["doctor", "--no-such-option"], 2, "unrecognized arguments"),
        (["doctor", "--site", "rp.test"], 1, "CommandError: rp.test is not the address of a site"),
        (["doctor", "--site", "rp.test", "--traceback"], 1, "Traceback"),
    ],
)
def test_exit_status(arguments, status, told):
    run = subprocess.run(
        [sys.executable, "-m", "django", "instanceid", *arguments], capture_output=True, text=True
    )
    assert run.returncode == status
    assert told in run.stdout + run.stderr
