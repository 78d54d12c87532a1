"""Where an `InstanceSession` sends a token, whatever address it is given, and over what."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from erpnet_instanceid.api import service_api
from erpnet_instanceid.api_session import InstanceSession, open_session
from erpnet_instanceid.arefresh import arenew
from erpnet_instanceid.models import SignIn
from erpnet_instanceid.oidc.errors import InvalidResponse
from erpnet_instanceid.testing import Instance, run_instance

from .visitor import Visitor

CUSTOMERS = "Crm_Sales_Customers"
MANY_THREADS = "ignore:This process .* is multi-threaded:DeprecationWarning"
forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class OneToken:
    def current(self) -> str:
        return "the visitor's token"

    def newer_than(self, refused: str) -> str | None:
        return None


@pytest.fixture
def api(instance: Instance) -> InstanceSession:
    return open_session(OneToken())


def test_refuses_address_whose_host_the_sender_reads_otherwise(
    api: InstanceSession, instance: Instance
) -> None:
    """urllib ends a host at "@", the library that sends ends it at the backslash before."""
    with run_instance() as foreign:
        hostile = f"{foreign.url}\\@{instance.url.removeprefix('http://')}/api/x"
        with pytest.raises(InvalidResponse, match="foreign_address"):
            api.get(hostile)
        assert not foreign.requests
    assert not instance.calls("api")


@pytest.mark.parametrize("url", ["https://op.test:99999/", "http://[::1", "http://a b/", "http://"])
def test_refuses_what_is_no_address(api: InstanceSession, url: str) -> None:
    with pytest.raises(InvalidResponse, match="foreign_address"):
        api.get(url)


@pytest.mark.parametrize("threads", [1, 8])
def test_sessions_of_all_requests_share_the_processs_connections(
    instance: Instance, threads: int
) -> None:
    """Counted at the other end: as many as there are calls at once."""
    instance.always("api", json={"value": []})

    def call(_number: int) -> int:
        with open_session(OneToken()) as api:
            return api.get("/api/x").status_code

    with ThreadPoolExecutor(threads) as pool:
        assert list(pool.map(call, range(100))) == [200] * 100
    assert len({call.connection for call in instance.calls("api")}) <= threads


def in_child(call: Callable[[], object]) -> int:
    """Runs ``call`` in a fork of this process: how that ended, 0 for well."""
    child = os.fork()
    if child == 0:
        threading.Timer(20, os._exit, [2]).start()
        try:
            call()
        except BaseException:  # noqa: BLE001 - nothing of the child is to go on in this test run
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@forking
@pytest.mark.filterwarnings(MANY_THREADS)
def test_session_opened_before_a_fork_shares_neither_connection_nor_token(
    instance: Instance,
) -> None:
    api = service_api()
    api.get(CUSTOMERS)
    assert in_child(lambda: api.get(CUSTOMERS)) == 0
    api.get(CUSTOMERS)

    parent, child, parent_again = instance.calls("api")
    assert parent.connection == parent_again.connection != child.connection
    tokens = [call.headers["Authorization"] for call in (parent, child, parent_again)]
    assert tokens[0] == tokens[2] != tokens[1]
    assert len(instance.calls("token", "client_credentials")) == 2


@forking
@pytest.mark.filterwarnings(MANY_THREADS)
def test_child_waits_for_a_renewal_in_threads_of_its_own(visitor: Visitor) -> None:
    visitor.sign_in("maria")
    pk = SignIn.objects.get().pk

    def renew() -> None:
        renewed = asyncio.run(arenew(pk, 0, wait=True))
        assert renewed is not None
        assert renewed.generation == 1

    renew()
    # The thread is idle then, and would be counted on.
    time.sleep(0.1)
    assert in_child(renew) == 0


@forking
@pytest.mark.filterwarnings(MANY_THREADS)
@pytest.mark.parametrize("endpoint", ["discovery", "token", "auto_discovery"])
def test_fork_during_a_look_up_does_not_hold_up_the_child(
    instance: Instance, endpoint: str
) -> None:
    instance.next_answer(endpoint, delay=1)
    asking = threading.Thread(target=lambda: service_api().get(CUSTOMERS))
    asking.start()
    instance.wait_for_calls(endpoint)
    assert in_child(lambda: service_api().get(CUSTOMERS)) == 0
    asking.join()


def test_a_task_queue_finds_the_api_on_the_row() -> None:
    """A worker that has imported the models and nothing else."""
    code = (
        "import django; django.setup();"
        "from erpnet_instanceid.models import SignIn; assert callable(SignIn().api)"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        check=True,
        timeout=60,
    )
