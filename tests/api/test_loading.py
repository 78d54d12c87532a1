"""A process loads what it uses, and nothing that it does not use."""

import os
import subprocess
import sys

ONLY_WHEN_USED = ("query", "amounts", "transactions", "files")
SITE = """
import sys, django
django.setup()
import erpnet_instanceid.api, erpnet_instanceid.middleware, erpnet_instanceid.urls
print(sorted(name for name in sys.modules if name.startswith("erpnet_instanceid.api.")))
"""
WORKER = """
import django
django.setup()
from erpnet_instanceid.errors import SignInExpired
from erpnet_instanceid.models import SignIn
try: SignIn().api()
except SignInExpired: print("looked up")
"""


def run(code):
    command, env = [sys.executable, "-c", code], {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    return subprocess.check_output(command, env={**os.environ, **env}, text=True, timeout=60)


def test_modules_for_calls_of_a_kind_are_loaded_when_used():
    loaded = run(SITE)
    assert "erpnet_instanceid.api.session" in loaded
    for name in ONLY_WHEN_USED:
        assert f"erpnet_instanceid.api.{name}'" not in loaded


def test_a_task_queue_finds_the_api_on_the_row():
    """A worker that has imported the models and nothing else."""
    assert run(WORKER) == "looked up\n"
