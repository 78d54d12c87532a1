"""The storm's sites, for tests of what stands around a site: pools, databases, clocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..storm.conftest import (  # noqa: F401 - pytest finds fixtures by their names here
    instance,
    new_postgres_database,
    new_sqlite_database,
    sites,
    stand_in,
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.storm)
