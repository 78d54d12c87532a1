"""One instance for all tests of a module, which only read from it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from joserfc.jwk import RSAKey

from erpnet_instanceid.testing import run_instance

from .issuing import Issuer


@pytest.fixture(scope="module")
def issuer(instance_id_key: RSAKey) -> Iterator[Issuer]:
    with run_instance(key=instance_id_key) as instance:
        yield Issuer(instance)
