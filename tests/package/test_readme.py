"""The command that the README prints for a clone starts the demo."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

TREE = Path(__file__).parents[2]
README = (TREE / "README.rst").read_text(encoding="utf-8")
NOT_CLONED = shutil.ignore_patterns(".*", "build", "node_modules", "__pycache__", "*.egg-info")


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
