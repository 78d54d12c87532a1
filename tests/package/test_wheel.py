"""The wheel holds all that a site needs; the README's command for a clone starts the demo."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

HERE = Path(__file__).parent
TREE = HERE.parent.parent
README = (TREE / "README.rst").read_text(encoding="utf-8")
NOT_CLONED = shutil.ignore_patterns(".*", "build", "node_modules", "__pycache__", "*.egg-info")


def run(*command, cwd):
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment(folder, *packages):
    run(sys.executable, "-m", "virtualenv", folder, cwd=folder.parent)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    run(python, "-m", "pip", "install", "--quiet", *packages, cwd=folder.parent)
    return python


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, TREE, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_passes_the_checks_of_its_tools(wheel):
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, cwd=TREE)
    run(sys.executable, "-m", "check_wheel_contents", wheel, cwd=TREE)


def test_wheel_beside_django_alone_serves_a_sign_in(wheel, tmp_path):
    site_python = environment(tmp_path / "site", f"{wheel}", "django")
    instance_python = environment(tmp_path / "instance", f"{wheel}[testing]")
    # Away from the tree, so that nothing is imported from it.
    for name in ("site.py", "drive.py"):
        shutil.copy(HERE / name, tmp_path / f"the_{name}")

    told = run(
        instance_python,
        tmp_path / "the_drive.py",
        site_python,
        tmp_path / "the_site.py",
        tmp_path,
        cwd=tmp_path,
    )

    assert told == "signed in\n"


def test_demo_starts_as_printed(tmp_path):
    (command,) = re.findall(r"^ {4}(python3 .* demo)$", README, flags=re.M)
    clone = shutil.copytree(TREE, tmp_path / "clone", ignore=NOT_CLONED)
    process = subprocess.Popen(
        command, shell=True, cwd=clone, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        shop = next(line.split()[-1] for line in process.stdout if "The shop:" in line)
        assert "Corner &amp; Oak" in build_opener(ProxyHandler({})).open(shop).read().decode()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)
