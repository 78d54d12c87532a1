"""Work in a fork of this process."""

import multiprocessing
import os

import pytest

MANY_THREADS = "ignore:This process .* is multi-threaded:DeprecationWarning"


def forking(test):
    """Marks a test that forks."""
    test = pytest.mark.filterwarnings(MANY_THREADS)(test)
    return pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")(test)


def in_child(call):
    """Runs ``call`` in a fork of this process: how that ended, 0 for well."""
    child = multiprocessing.get_context("fork").Process(target=call, daemon=True)
    child.start()
    child.join(20)
    return child.exitcode
