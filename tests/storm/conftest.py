"""Databases, a stand-in and sites of several processes, each started once and shared."""

import itertools
import shutil
from contextlib import ExitStack

import pytest
from psycopg import IsolationLevel

from . import postgres
from .servers import migrate, run_stand_in
from .site import run_site


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
    template = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(directory / "template"),
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    }
    migrate({"DATABASES": {"default": template}})

    def make():
        copied = shutil.copyfile(template["NAME"], directory / f"site{next(numbers)}")
        return {**template, "NAME": str(copied)}

    return make


@pytest.fixture(scope="module")
def sites(request, stand_in, tmp_path_factory):
    """Starts a site of several processes, once for each set of arguments in a module.

    ``database`` is a kind of database, or that of another site.
    """
    running = {}
    with ExitStack() as stack:

        def run(kind="gunicorn", processes=2, *, database="postgres", own=(), app=(), **settings):
            key = repr([kind, processes, database, own, app, settings])
            if key not in running:
                if isinstance(database, str):
                    database = request.getfixturevalue(f"new_{database}_database")()
                running[key] = stack.enter_context(
                    run_site(
                        kind,
                        processes,
                        instance=stand_in,
                        database={**database, **dict(own)},
                        directory=tmp_path_factory.mktemp("site"),
                        app=dict(app),
                        settings=settings,
                    )
                )
            return running[key]

        yield run
