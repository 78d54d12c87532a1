"""The storm's sites, for tests of what stands around a site: pools, databases, clocks."""

import pytest

from ..storm.conftest import (  # noqa: F401 - pytest finds fixtures by their names here
    instance,
    new_postgres_database,
    new_sqlite_database,
    sites,
    stand_in,
)
from .pgbouncer import run_pgbouncer


@pytest.fixture(scope="session")
def new_pgbouncer_database(
    new_postgres_database,  # noqa: F811 - the fixture of that name
):
    """Makes migrated databases to which PgBouncer leads, over four connections."""
    with run_pgbouncer(new_postgres_database()["HOST"], 4) as bounced:
        yield lambda: {**new_postgres_database(), **bounced}
