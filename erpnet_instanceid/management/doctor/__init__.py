"""Examines whether the site and the instance agree, when something does not work."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from django.core.checks import ERROR, CheckMessage
from django.db import DatabaseError, connections, router
from django.db.migrations.executor import MigrationExecutor

from ...checks import check_settings, check_site
from ...conf import conf
from ...models import Account, SignIn
from ...oidc.client import Client
from ...oidc.provider import Provider
from .addresses import examine_login_url, examine_logout_url
from .findings import Finding, bad, look, ok
from .instance import (
    examine_clock,
    examine_credentials,
    examine_keys,
    examine_metadata,
    examine_offers,
)
from .service import examine_service, tell_limits
from .sessions import examine_cookies, examine_session_store
from .site import examine_site

__all__ = ["TABLES_MISSING", "Finding", "examine", "has_tables", "next_step"]

TABLES_MISSING = "The tables of this app are missing or out of date. Run manage.py migrate."


def examine(site: str = "") -> Iterator[Finding]:
    """Each finding as it is made. After wrong settings, or without the instance, there are no more.

    ``site`` is the site's address, or empty: then only CALLBACK_URL can tell it.
    """
    settings = list(_settings())
    yield from settings
    if any(finding.mark == "BAD" for finding in settings):
        return
    yield _tables()
    client = _client()
    metadata = examine_metadata(client)
    yield metadata
    if metadata.mark == "BAD":
        return
    yield examine_keys(client)
    yield examine_clock(client)
    yield from examine_offers(client.provider.metadata().document)
    credentials = examine_credentials(client)
    yield credentials
    if credentials.mark == "ok" and conf.raw().get("SERVICE_SCOPE"):
        yield examine_service(client)
        yield tell_limits()
    yield examine_session_store()
    if site:
        yield from examine_cookies(site)
        yield examine_site(client, site)
    yield examine_login_url(client, site, is_known=credentials.mark == "ok")
    yield examine_logout_url(site)


def next_step(findings: Iterable[Finding], site: str = "") -> str:
    """The operator's next step."""
    marks = {finding.mark for finding in findings}
    if "BAD" in marks:
        return "Begin with the first line marked BAD, then run this command again."
    if not site and not conf.callback_url:
        return "Run this command again with --site and the address of your site."
    if "look" in marks:
        return "Look at the lines marked look, then sign in at the site."
    return "Sign in at the site."


def _client() -> Client:
    # A provider of its own: metadata and keys that this process has kept are not examined.
    return dataclasses.replace(conf.client, provider=Provider(conf.issuer, conf.limits))


def _settings() -> Iterator[Finding]:
    for message in (*check_settings(), *check_site()):
        if not message.is_silenced():
            yield _of_check(message)


def _of_check(message: CheckMessage) -> Finding:
    about, cure = str(message.id).rpartition(".")[2], str(message.hint)
    if message.level >= ERROR:
        return bad(about, message.msg, cure)
    return look(about, message.msg, cure)


def has_tables() -> bool:
    """Whether the tables of this app are there, and up to date. Raises DatabaseError."""
    connection = connections[router.db_for_write(SignIn)]
    present = set(connection.introspection.table_names())
    if not present.issuperset(model._meta.db_table for model in (Account, SignIn)):
        return False
    migrations = MigrationExecutor(connection)
    return not migrations.migration_plan(migrations.loader.graph.leaf_nodes(SignIn._meta.app_label))


def _tables() -> Finding:
    try:
        found = has_tables()
    except DatabaseError as error:
        text = f"The database does not answer: {error}".strip()
        return bad("database", text, "Check DATABASES.")
    if not found:
        return bad("database", TABLES_MISSING)
    return ok("database", "The tables of this app are there.")
