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
from .pgbouncer import run_pgbouncer


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.storm)


@pytest.fixture(scope="session")
def new_pgbouncer_database(
    new_postgres_database,  # noqa: F811 - the fixture of that name
):
    """Makes migrated databases to which PgBouncer leads, over four connections."""
    with run_pgbouncer(new_postgres_database()["HOST"], 4) as bounced:
        yield lambda: {**new_postgres_database(), **bounced}
