"""The exceptions that a site may catch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from erpnet_instanceid import api, errors
from erpnet_instanceid.errors import InstanceIDError


def kinds(kind: type[InstanceIDError]) -> Iterator[type[InstanceIDError]]:
    yield kind
    for lower in kind.__subclasses__():
        yield from kinds(lower)


@pytest.mark.parametrize("kind", list(kinds(InstanceIDError)))
@pytest.mark.parametrize("module", [errors, api])
def test_each_exception_can_be_imported(module: object, kind: type[InstanceIDError]) -> None:
    assert getattr(module, kind.__name__) is kind
    assert kind.__name__ in module.__all__  # type: ignore[attr-defined]
