"""Starting, ending and controlling a stand-in, in this process and in another."""

import ast
import re
import signal
import subprocess
import sys
import threading
from email.utils import parsedate_to_datetime

import pytest
import requests

from erpnet_instanceid.testing import RemoteInstance, run_instance

from .conftest import claims


@pytest.fixture
def remote(key):
    with run_instance(key=key, control=True) as instance:
        yield RemoteInstance(instance.url)


def test_threads_and_sockets_are_gone_after_the_block(key):
    before = set(threading.enumerate())
    with run_instance(key=key) as instance:
        with requests.Session() as http:
            http.get(f"{instance.issuer}/.well-known/openid-configuration", timeout=5)
            kept_open = http
        assert kept_open
    assert set(threading.enumerate()) <= before
    with pytest.raises(requests.ConnectionError):
        requests.get(instance.url, timeout=5)


def test_date_header_follows_the_stand_ins_clock(instance):
    instance.clock_offset = -600
    dated = parsedate_to_datetime(requests.get(instance.url, timeout=5).headers["Date"])
    assert abs(dated.timestamp() - instance.now()) < 5
    instance.always("other", headers={"Date": "Sun, 06 Nov 1994 08:49:37 GMT"})
    answer = requests.get(instance.url, timeout=5)
    assert answer.headers["Date"] == "Sun, 06 Nov 1994 08:49:37 GMT"


def test_registration_changes_only_the_given_fields(instance):
    instance.register(login_urls=["https://a.example/"], scope="read")
    instance.register(backchannel_url="https://a.example/back")
    assert instance.application.login_urls == ["https://a.example/"]
    assert instance.application.scope == "read"
    instance.register(login_urls=None)
    assert "http://localhost:1/x" in instance.application.login_urls
    with pytest.raises(TypeError):
        instance.register(login_uris=[])


def test_public_url_is_part_of_the_issuer(key):
    with run_instance(key=key, public_url="https://demo.test") as instance:
        assert instance.issuer == "https://demo.test/id"


def test_tls(key, trusted):
    tls = trusted.context(trusted.certificate("localhost"))
    with run_instance("localhost", key=key, tls=tls) as instance:
        assert instance.issuer.startswith("https://localhost:")
        url = f"{instance.issuer}/.well-known/openid-configuration"
        document = requests.get(url, verify=trusted.bundle, timeout=5).json()
        assert document["issuer"] == instance.issuer


def test_control_is_off_by_default(instance):
    assert requests.post(f"{instance.url}/_stand_in/reset", json={}, timeout=5).status_code == 404
    with pytest.raises(RuntimeError, match="--control"):
        RemoteInstance(instance.url).reset()


def test_remote_control(remote):
    jwks = f"{remote.issuer}/.well-known/openid-configuration/jwks"
    remote.next_answer("jwks", status=503)
    remote.always("jwks", body=b"\xff", headers={"X-A": "b"})
    assert requests.get(jwks, timeout=5).status_code == 503
    answer = requests.get(jwks, timeout=5)
    assert (answer.content, answer.headers["X-A"]) == (b"\xff", "b")
    remote.heal()
    kid = remote.rotate_keys()
    assert requests.get(jwks, timeout=5).json()["keys"][0]["kid"] == kid
    assert [call.method for call in remote.calls("jwks")] == ["GET"] * 3
    assert remote.counters()["calls"] == {"jwks": 3}
    remote.forget_requests()
    assert remote.calls("jwks") == []
    assert remote.settings()["INSTANCE_URL"] == remote.url
    assert not remote.has_session("maria")
    assert remote.logout_token(sid="1").count(".") == 2
    with pytest.raises(ValueError, match="cannot be set"):
        remote.set(keys=1)
    with pytest.raises(ValueError, match="no such endpoint"):
        remote.next_answer("nowhere")


def test_remote_person_and_claims(remote, key):
    remote.person("maria", is_admin=True)
    remote.set(auto_sign_in="maria", pkce="optional")
    remote.change_claims("front_id_token", {"x": 1}, remove=["sid"], header={"typ": "jwt"})
    url = (
        f"{remote.issuer}/connect/authorize?client_id=demo.example.com&nonce=n&scope=openid"
        "&response_type=code+id_token&response_mode=form_post&redirect_uri=http://localhost/"
    )
    front = claims(remote.answer_to(url)["id_token"])
    assert front["x"] == 1
    assert "sid" not in front
    assert remote.end_session_of("maria") == []


def run_python(program):
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_runs_until_it_is_told_to_end(number):
    command = [sys.executable, "-W", "error", "-m", "erpnet_instanceid.testing"]
    with subprocess.Popen(
        [*command, "--port", "0", "--control", "--application-uri", "site.test"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        greeting = "".join(iter(process.stdout.readline, "Ctrl+C ends it.\n"))
        url = re.search(r"http://\S+", greeting).group()
        told = ast.literal_eval(re.search(r"ERPNET_INSTANCEID = (\{.*?\})", greeting, re.S)[1])
        assert told == RemoteInstance(url).settings()
        assert RemoteInstance(url).settings()["APPLICATION_URI"] == "site.test"
        process.send_signal(number)
        output, errors = process.communicate(timeout=10)
    assert "Мария Иванова" in greeting
    # The sign-in page has no button for this one.
    assert "robot" not in greeting
    assert (process.returncode, output, errors) == (0, "", "")


def test_pytest_plugin_loads_without_the_extra():
    """The entry point is there in every project that has the app installed."""
    program = (
        "import sys\n"
        "for name in ('authlib', 'flask', 'joserfc', 'werkzeug'):\n"
        "    sys.modules[name] = None\n"
        "import erpnet_instanceid.testing.pytest_plugin\n"
    )
    assert run_python(program).returncode == 0


@pytest.mark.parametrize(
    "start",
    [
        "runpy.run_module('erpnet_instanceid.testing', run_name='__main__')",
        "from erpnet_instanceid.testing import run_instance",
    ],
)
def test_missing_extra_is_named(start):
    run = run_python(f"import runpy, sys\nsys.argv[1:] = []\nsys.modules['flask'] = None\n{start}")
    sentence = 'The stand-in needs more packages: pip install "erpnet-instanceid[testing]"\n'
    assert run.returncode == 1
    assert run.stderr.endswith(sentence)
    assert (run.stderr == sentence) == ("runpy" in start)


def test_it_needs_no_django():
    program = (
        "import sys\n"
        "from erpnet_instanceid.testing import run_instance\n"
        "with run_instance() as instance: pass\n"
        "assert 'django' not in sys.modules\n"
        "assert 'josepy' not in sys.modules\n"
        "assert not any(m.startswith('erpnet_instanceid.oidc') for m in sys.modules)\n"
    )
    assert run_python(program).returncode == 0
