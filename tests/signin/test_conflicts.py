"""A database that gives work up because of another transaction, as with SERIALIZABLE."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import OperationalError, connection
from django.test import Client

from erpnet_instanceid.models import SignIn
from erpnet_instanceid.testing import Instance

pytestmark = pytest.mark.django_db(transaction=True)


class SerializationFailure(Exception):
    sqlstate = "40001"


def give_up_once() -> AbstractContextManager[None]:
    """A database that gives up each statement that writes, once."""
    seen: set[str] = set()

    def give_up(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("UPDATE", "INSERT", "DELETE")) and sql not in seen:
            seen.add(sql)
            raise OperationalError("could not serialize access") from SerializationFailure()
        return execute(sql, params, many, context)

    return connection.execute_wrapper(give_up)


def test_sign_in_renewal_and_sign_out_survive_conflicts(
    client: Client, instance: Instance, instance_sign_in: Callable[..., Any]
) -> None:
    """In every step, Django's save of the session included."""
    instance.access_token_lifetime = 30
    # The sign-in then changes the key of a session.
    client.get("/basket?add=1")
    with give_up_once():
        instance_sign_in(client, "maria")
    assert client.get("/whoami").json()["user"] == "maria"
    assert len(instance.calls("token")) == 1
    assert Session.objects.count() == 1

    instance.access_token_lifetime = 3600
    instance.people["maria"].is_admin = True
    client.get("/age")
    with give_up_once():
        who = client.get("/whoami").json()
    assert (who["generation"], who["is_staff"]) == (2, True)

    with give_up_once():
        client.post("/signout")
    assert client.get("/whoami").json()["user"] == ""
    assert SignIn.objects.get().ended is not None
    assert not Session.objects.exists()
