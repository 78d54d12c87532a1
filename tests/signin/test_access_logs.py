"""In query mode the code is in an address, which servers log."""

import os
import socket
import subprocess
import sys

import pytest
import requests

from ..support.demo import read_until, run_program

SERVERS = {
    "uvicorn": "uvicorn tests.asgi:application --fd {fd}",
    "daphne": "daphne tests.asgi:application --fd {fd}",
    "hypercorn": "hypercorn tests.asgi:application --bind fd://{fd} --access-logfile -",
    "gunicorn": "gunicorn tests.wsgi:application --bind fd://{fd} --access-logfile -",
}


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_access_log_has_no_code(command):
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port, fd = listener.getsockname()[1], listener.fileno()
        program = [sys.executable, "-um", *command.format(fd=fd).split()]
        with run_program(program, environment, subprocess.STDOUT, pass_fds=[fd]) as server:
            callback = f"http://127.0.0.1:{port}/signin-callback"
            requests.get(f"{callback}?code=the-code&state=the-state", timeout=30)
            log = read_until(server, "GET /signin-callback")
    assert "the-code" not in log
    assert "the-state" not in log
