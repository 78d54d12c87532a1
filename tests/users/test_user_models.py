"""Six user models, as sites have them, on each database: every visitor gets a complete user."""

import json

import pytest

from ..storm import mariadb, postgres
from ..support.demo import ROOT, run_python
from .site_of_users import LOCAL

# Beside the other tests that start a database server.
pytestmark = pytest.mark.storm

NAMED_BY_EMAIL = [
    f"tests.users.models.{name}" for name in ("named_by_email", "one_name", "as_documented")
]
NAMED_BY_LOGIN = ["django.contrib.auth", "tests.users.models.unique_email"]
WITH_DELETION = "tests.users.models.own_login"
# A database of this one cannot hold what is beyond three bytes, such as a flower.
NARROW = "mariadb_utf8mb3"
FLOWER = "🌸"


@pytest.fixture(scope="module")
def mariadb_socket():
    with mariadb.run_mariadb() as socket:
        yield socket


@pytest.fixture(scope="module")
def postgres_database():
    with postgres.run_postgres() as database:
        yield database


@pytest.fixture
def databases(tmp_path, mariadb_socket, postgres_database):
    """The Django settings of four empty databases, by alias."""
    name = f"site_{tmp_path.name}"[:40]
    postgres.execute(postgres_database, f'CREATE DATABASE "{name}"')
    return {
        "sqlite": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(tmp_path / "site.sqlite3"),
            "OPTIONS": {"transaction_mode": "IMMEDIATE"},
        },
        "postgresql": {**postgres_database, "NAME": name},
        "mariadb_utf8mb4": mariadb.new_database(mariadb_socket, f"{name}4", "utf8mb4"),
        NARROW: mariadb.new_database(mariadb_socket, f"{name}3", "utf8mb3"),
    }


@pytest.mark.parametrize("app", [*NAMED_BY_EMAIL, *NAMED_BY_LOGIN, WITH_DELETION])
def test_visitors_get_a_complete_user(app, databases):
    """At the first save, in one statement. What a column cannot hold keeps nobody out."""
    for alias, told in _sign_in(app, databases).items():
        people = told["people"]
        *new, known = people
        assert [person["status"] for person in people] == [302] * len(people), alias
        assert [person["writes"] for person in new] == [["INSERT"]] * len(new), alias
        for person in new:
            _assert_complete(person, alias)
        assert known["user"]["id"] == new[0]["user"]["id"], alias
        assert known["user"].get("is_superuser", True), alias
        assert told["unverified"] == (403 if app in NAMED_BY_EMAIL else 302), alias
        assert told["linked"] == [LOCAL.upper()], alias
        assert told["deleted"] == (403 if app == WITH_DELETION else 302), alias


def _sign_in(app, databases):
    program = ["-m", "tests.users.site_of_users", app]
    return json.loads(run_python(*program, input=json.dumps(databases), cwd=ROOT, timeout=120))


def _assert_complete(person, alias):
    user, told = person["user"], person["told"]
    assert user.get("email", user.get("mail")) == told["email"], alias
    assert user.get("is_superuser", told["is_admin"]) == told["is_admin"], alias
    names = [user[name] for name in ("name", "first_name", "last_name") if name in user]
    if FLOWER in told["name"] and alias == NARROW:
        assert FLOWER not in "".join(names), alias
    elif names:
        assert " ".join(filter(None, names)) == told["name"].replace("\u00a0", " "), alias
