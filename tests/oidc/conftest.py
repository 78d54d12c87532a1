"""Fixtures that the tests of the protocol share."""

import pytest

from erpnet_instanceid.oidc import http
from erpnet_instanceid.testing import run_instance

from .issuing import Issuer
from .wire import Wire


@pytest.fixture(scope="module")
def issuer(instance_id_key):
    """One instance for all tests of a module, which only read from it."""
    with run_instance(key=instance_id_key) as instance:
        yield Issuer(instance)


@pytest.fixture
def wire():
    http.forget_connections()
    server = Wire()
    yield server
    server.close()
    http.forget_connections()
