"""Coverage-guided fuzzing with atheris: ``python -m tests.fuzz [--seconds 600]``.

Runs the same properties as pytest, with input that is led by what code it reaches.
"""

import argparse
import logging
import os
import sys
import tempfile

import atheris

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
os.environ.setdefault("TESTS_DIRECTORY", tempfile.mkdtemp())

with atheris.instrument_imports(include=["erpnet_instanceid"]):
    import django

    django.setup()
    from tests.fuzz.scene import Scene
    from tests.fuzz.test_properties import PROPERTIES

from django.conf import settings
from django.core.management import call_command
from django.test.utils import setup_test_environment
from hypothesis import given
from hypothesis import strategies as st

from erpnet_instanceid.testing import run_instance


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=int, default=600)
    seconds = parser.parse_args().seconds
    setup_test_environment()
    logging.disable(logging.CRITICAL)
    call_command("migrate", verbosity=0)
    with run_instance() as instance:
        settings.ERPNET_INSTANCEID = instance.settings()
        scene = st.just(Scene(instance))
        properties = [
            given(scene=scene, **strategies)(test).hypothesis.fuzz_one_input
            for test, strategies in PROPERTIES
        ]

        def run(data):
            if data:
                properties[data[0] % len(properties)](data[1:])

        options = [f"-max_total_time={seconds}", "-max_len=1500", "-verbosity=1"]
        atheris.Setup([sys.argv[0], *options], run)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
