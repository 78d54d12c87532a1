"""A site that only signs in does not pay for what it does not use."""

import os
import subprocess
import sys

ONLY_WHEN_USED = ("query", "amounts", "transactions", "files")
CODE = """
import sys, django
django.setup()
import erpnet_instanceid.api, erpnet_instanceid.middleware, erpnet_instanceid.urls
print(sorted(name for name in sys.modules if name.startswith("erpnet_instanceid.api.")))
"""


def test_modules_for_calls_of_a_kind_are_loaded_when_used():
    answer = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "erpnet_instanceid.api.session" in answer.stdout
    for name in ONLY_WHEN_USED:
        assert f"erpnet_instanceid.api.{name}'" not in answer.stdout
