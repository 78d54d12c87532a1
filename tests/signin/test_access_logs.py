"""In query mode the code is in an address, which servers log."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
SERVERS = {
    "uvicorn": ["uvicorn", "tests.asgi:application", "--port={port}"],
    "daphne": ["daphne", "--port={port}", "tests.asgi:application"],
    "hypercorn": [
        "hypercorn",
        "tests.asgi:application",
        "--bind=127.0.0.1:{port}",
        "--access-logfile=-",
    ],
    "gunicorn": [
        "gunicorn",
        "tests.wsgi:application",
        "--bind=127.0.0.1:{port}",
        "--access-logfile=-",
    ],
}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def get_when_up(url):
    with requests.Session() as http:
        http.trust_env = False
        for _ in range(100):
            try:
                http.get(url, timeout=10)
            except requests.ConnectionError:
                time.sleep(0.1)
            else:
                return
    raise AssertionError("the server does not answer")


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_access_log_has_no_code(command, tmp_path):
    port = free_port()
    program = [sys.executable, "-m", *(part.format(port=port) for part in command)]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    log = tmp_path / "access.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            program, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            get_when_up(f"http://127.0.0.1:{port}/signin-callback?code=the-code&state=the-state")
        finally:
            server.terminate()
            server.wait(20)
    text = log.read_text()
    assert "/signin-callback" in text
    assert "the-code" not in text
    assert "the-state" not in text
