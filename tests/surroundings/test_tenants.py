"""A site with django-tenants: each host has its own PostgreSQL schema, sign-ins included."""

from dataclasses import replace

import pytest
from django.conf import settings

from ..storm import postgres
from ..storm.servers import run_command
from ..storm.site import eventually

HOSTS = ["127.0.0.1", "localhost"]
TENANTS_APPS = ["django_tenants", "tests.surroundings.tenants"]
SETTINGS = {
    "INSTALLED_APPS": [*TENANTS_APPS, *settings.INSTALLED_APPS],
    "SHARED_APPS": TENANTS_APPS,
    "TENANT_APPS": list(settings.INSTALLED_APPS),
    "TENANT_MODEL": "tenants.Customer",
    "TENANT_DOMAIN_MODEL": "tenants.Domain",
    "DATABASE_ROUTERS": ["django_tenants.routers.TenantSyncRouter"],
    "MIDDLEWARE": ["django_tenants.middleware.main.TenantMainMiddleware", *settings.MIDDLEWARE],
}
MAKE_CUSTOMERS = f"""
from tests.surroundings.tenants.models import Customer, Domain
for number, host in enumerate({HOSTS}):
    customer = Customer.objects.create(schema_name=f"customer{{number}}")
    Domain.objects.create(domain=host, tenant=customer)
"""


@pytest.fixture(scope="module")
def database(new_postgres_database):
    """A database with two customers. Its schema ``public`` has no table of the site's."""
    server = new_postgres_database()
    postgres.execute(server, "CREATE DATABASE customers")
    engine = "django_tenants.postgresql_backend"
    database = {**server, "NAME": "customers", "ENGINE": engine}
    told = {"DATABASES": {"default": database}, **SETTINGS}
    run_command(told, "migrate_schemas", "--shared", "--run-syncdb", "-v", "0")
    run_command(told, "shell", "-v", "0", "-c", MAKE_CUSTOMERS)
    return database


@pytest.fixture(params=["gunicorn", "uvicorn"])
def customers(request, sites, instance, database):
    """One running site, at the host of each customer."""
    site = sites(request.param, 1, database=database, **SETTINGS)
    (server,) = site.servers
    return [
        replace(site, servers=[replace(server, url=server.url.replace(HOSTS[0], host))])
        for host in HOSTS
    ]


def test_renewal_works_in_the_schema_of_its_host(customers, figure):
    people = [(site, site.sign_in_expired()) for site in customers]
    pages = [site.get(person, "/whoami") for site, person in people]
    figure(seconds=[round(page.seconds, 2) for page in pages])
    told = [page.json() for page in pages]
    assert [(who["user"], who["generation"]) for who in told] == [("maria", 2)] * len(HOSTS)


def test_late_answer_is_stored_in_the_schema_of_its_host(customers, instance, figure):
    site = customers[-1]
    person = site.sign_in_due()
    instance.next_token_answer(delay=2)
    page = site.get(person, "/whoami")
    figure(seconds=round(page.seconds, 2))
    assert page.json()["generation"] == 1
    eventually(lambda: site.get(person, "/whoami").json()["generation"] == 2)
    assert site.refreshes() == 1


@pytest.mark.parametrize("path", ["/api-in-atomic", "/async/api"])
def test_call_renews_in_the_schema_from_another_thread(customers, instance, path, figure):
    people = [(site, site.sign_in()) for site in customers]
    instance.person("maria", is_admin=True)
    answers = []
    for site, person in people:
        instance.next_answer("api", status=401)
        answers.append(site.get(person, path))
    figure(seconds=[round(answer.seconds, 2) for answer in answers])
    assert [answer.status for answer in answers] == [200] * len(HOSTS), answers
    for site, person in people:
        eventually(lambda s=site, p=person: _rights(s, p) == {"generation": 2, "is_staff": True})
    assert "Traceback" not in site.logs()


def _rights(site, person):
    told = site.get(person, "/whoami").json()
    return {name: told[name] for name in ("generation", "is_staff")}
