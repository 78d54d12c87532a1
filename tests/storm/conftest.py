"""Databases, a stand-in and sites of several processes, each started once and shared."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from psycopg import IsolationLevel

from . import postgres
from .servers import migrate, run_stand_in
from .site import Site, copy_sqlite, run_site

Sites = Callable[..., Site]


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.storm)


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory):
    with run_stand_in(tmp_path_factory.mktemp("stand-in") / "log") as instance:
        yield instance


@pytest.fixture
def instance(stand_in):
    """The stand-in, as good as new."""
    stand_in.reset()
    # These tests are about sign-ins and tokens, and call more often than the instance allows.
    stand_in.lift_limits()
    return stand_in


@pytest.fixture(scope="session")
def new_postgres_database():
    """Makes migrated databases on one PostgreSQL server."""
    numbers = itertools.count(1)
    with postgres.run_postgres() as first:
        template = {**first, "NAME": "template"}
        postgres.execute(first, 'CREATE DATABASE "template"')
        migrate({"DATABASES": {"default": template}})

        def make():
            name = f"site{next(numbers)}"
            postgres.execute(first, f'CREATE DATABASE "{name}" TEMPLATE "template"')
            return {**first, "NAME": name}

        yield make


@pytest.fixture(scope="session")
def new_serializable_database(new_postgres_database):
    """Makes migrated PostgreSQL databases, used with the isolation level SERIALIZABLE."""
    level = {"isolation_level": int(IsolationLevel.SERIALIZABLE)}
    return lambda: {**new_postgres_database(), "OPTIONS": level}


@pytest.fixture(scope="session")
def new_sqlite_database(tmp_path_factory):
    """Makes migrated SQLite files."""
    directory = tmp_path_factory.mktemp("sqlite")
    numbers = itertools.count(1)
    template = directory / "template.sqlite3"
    settings = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(template)}
    migrate({"DATABASES": {"default": settings}})
    return lambda: copy_sqlite(template, directory / f"site{next(numbers)}.sqlite3")


@pytest.fixture(scope="module")
def sites(request, stand_in, tmp_path_factory):
    """Starts a site of several processes, once for each set of arguments in a module."""
    running: dict[str, Site] = {}
    with ExitStack() as stack:

        def run(
            kind="gunicorn",
            processes=2,
            *,
            database="postgres",
            app=None,
            database_options=None,
            ATOMIC_REQUESTS=False,  # noqa: N803 - as Django spells it
            **settings,
        ):
            key = json.dumps(
                [kind, processes, database, app, database_options, ATOMIC_REQUESTS, settings]
            )
            if key not in running:
                make = request.getfixturevalue(f"new_{database}_database")
                running[key] = stack.enter_context(
                    run_site(
                        kind,
                        processes,
                        instance=stand_in,
                        database={
                            **(found := make()),
                            "OPTIONS": {**found.get("OPTIONS", {}), **(database_options or {})},
                            "ATOMIC_REQUESTS": ATOMIC_REQUESTS,
                        },
                        directory=tmp_path_factory.mktemp("site"),
                        app=app or {},
                        settings=settings,
                    )
                )
            return running[key]

        yield run
