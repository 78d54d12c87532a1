"""`manage.py nightly`, with nobody signed in."""

import re
import subprocess

from erpnet_instanceid.testing.world.customers import make_customers

from ..support.demo import MANAGE, run_demo, shop_environment


def test_counts_with_one_service_token_and_the_scope_it_needs(demo):
    """By the very line that the demo prints."""
    line = re.search(r"^ +(ERPNET_INSTANCE_URL=.* nightly)$", demo.banner, re.MULTILINE)
    assert line is not None
    answer = subprocess.run(
        ["sh", "-c", line[1]], env=shop_environment(), capture_output=True, text=True, timeout=60
    )
    credit = sum(customer["CreditLimit"] for customer in make_customers())
    told = f"The instance has 500 customers, with a credit of {credit}.\n"
    assert answer.stdout == told, answer.stderr
    assert len(demo.instance.calls("api")) == 1
    (asked,) = demo.instance.calls("token")
    assert (asked["grant_type"], asked["scope"]) == ("client_credentials", "read")


def test_options_of_the_demo_count(tmp_path):
    database = tmp_path / "kept.sqlite3"
    with run_demo("--control", "--licences=0", f"--database={database}") as running:
        answer = nightly(running)
    assert answer.returncode == 1
    assert "MaximumLicenseCountExceeded" in answer.stderr
    assert database.exists()


def test_registration_without_the_right_is_named_in_one_line(demo):
    demo.instance.register(system_user_allowed=False)
    answer = nightly(demo)
    assert answer.returncode == 1
    assert "unauthorized_client" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert demo.instance.settings()["APPLICATION_SECRET"] not in answer.stderr


def nightly(demo):
    settings = demo.instance.settings()
    environment = {f"ERPNET_{name}": value for name, value in settings.items()}
    return subprocess.run(
        [*MANAGE, "nightly"],
        env=shop_environment(DJANGO_DEBUG="1", **environment),
        capture_output=True,
        text=True,
        timeout=60,
    )
