"""`manage.py demo` as a visitor to the project meets it: a real process on real ports."""

import signal
import subprocess
import time
from urllib.parse import urlsplit

from ..support.demo import MANAGE, run_demo, run_program, shop_environment
from .conftest import free_port, port_is_open


def test_prints_two_hosts_and_the_people_to_sign_in_as(demo):
    assert urlsplit(demo.shop).hostname == "localhost"
    assert urlsplit(demo.instance.url).hostname == "127.0.0.1"
    for login in ("admin", "maria", "community", "ivan"):
        assert login in demo.banner
    assert "robot" not in demo.banner


def test_a_signal_stops_both_servers_and_leaves_no_process():
    """The ports close, and the pipe of stderr ends: no child is left that holds it."""
    with run_demo(stderr=subprocess.STDOUT) as demo:
        assert port_is_open(demo.shop)
        assert port_is_open(demo.instance.url)
        demo.process.send_signal(signal.SIGTERM)
        output, _ = demo.process.communicate(timeout=60)
    assert demo.process.returncode == 0
    assert "Traceback" not in output
    assert not port_is_open(demo.shop)
    assert not port_is_open(demo.instance.url)


def test_a_signal_before_it_is_up_stops_it_as_well():
    """The stand-in listens first: at that time the shop's database is still being made."""
    port = free_port()
    command = [*MANAGE, "demo", "--port=0", f"--instance-port={port}"]
    with run_program(command, shop_environment(), subprocess.STDOUT) as process:
        while not port_is_open(f"http://127.0.0.1:{port}") and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert output == "Stopped.\n"


def test_port_in_use_is_left_to_its_owner(demo):
    shop, instance = urlsplit(demo.shop).port, urlsplit(demo.instance.url).port
    with run_demo(
        f"--port={shop}", f"--instance-port={instance}", stderr=subprocess.STDOUT
    ) as other:
        assert f"localhost:{shop} is taken. Using port {urlsplit(other.shop).port} " in other.banner
        assert f"127.0.0.1:{instance} is taken." in other.banner
        assert port_is_open(other.shop)
        assert other.shop != demo.shop
