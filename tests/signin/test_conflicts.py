"""A database that gives work up because of another transaction, as with SERIALIZABLE."""

import pytest
from django.contrib.sessions.models import Session
from django.db import InternalError, OperationalError, connection

from erpnet_instanceid.models import SignIn
from erpnet_instanceid.views.posted import FORM

pytestmark = pytest.mark.django_db(transaction=True)


class SerializationFailure(Exception):
    sqlstate = "40001"


def give_up_once():
    """A database that gives up each statement that writes, once."""
    seen = set()

    def give_up(execute, sql, params, many, context):
        if sql.startswith(("UPDATE", "INSERT", "DELETE")) and sql not in seen:
            seen.add(sql)
            raise OperationalError("could not serialize access") from SerializationFailure()
        return execute(sql, params, many, context)

    return connection.execute_wrapper(give_up)


def test_sign_in_renewal_and_sign_out_survive_conflicts(client, instance, instance_sign_in):
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


def test_notice_survives_conflicts(client, instance, instance_sign_in):
    instance_sign_in(client, "maria")
    token = instance.logout_token(sub="maria")
    with give_up_once():
        told = client.post("/backchannel-signout", f"logout_token={token}", content_type=FORM)
    assert told.status_code == 200
    assert client.get("/whoami").json()["user"] == ""


def no_row_can_end(execute, sql, params, many, context):
    if "UPDATE" in sql and '"ended" =' in sql.partition("WHERE")[0]:
        raise InternalError("cannot execute UPDATE in a read-only transaction")
    return execute(sql, params, many, context)


@pytest.mark.parametrize("channel", ["front", "back"])
def test_notice_comes_while_the_database_refuses(client, instance, instance_sign_in, channel):
    instance_sign_in(client, "maria")
    sid = SignIn.objects.get().sid
    body = f"logout_token={instance.logout_token('maria', sid)}"

    def notify():
        if channel == "back":
            return client.post("/backchannel-signout", body, content_type=FORM).status_code
        return client.get("/frontchannel-signout", {"iss": instance.issuer, "sid": sid}).status_code

    with connection.execute_wrapper(no_row_can_end):
        assert notify() == 503
    assert notify() == 200
    assert client.get("/whoami").json()["user"] == ""


def test_sign_in_is_complete_though_the_former_row_cannot_end(client, instance_sign_in):
    instance_sign_in(client, "maria")
    with connection.execute_wrapper(no_row_can_end):
        assert instance_sign_in(client, "maria").status_code == 302
    assert client.get("/whoami").json()["user"] == "maria"
