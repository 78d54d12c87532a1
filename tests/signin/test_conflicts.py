"""A database that gives work up because of another transaction, as with SERIALIZABLE."""

import re
from html import unescape

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import OperationalError

from erpnet_instanceid.models import SignIn
from erpnet_instanceid.views.posted import FORM

from ..support.outcomes import begin
from ..support.refusing import READ_ONLY, is_write, refusing

pytestmark = pytest.mark.django_db(transaction=True)


class SerializationFailure(Exception):
    sqlstate = "40001"


def give_up_once():
    """A database that gives up each statement that writes, once."""
    seen, error = set(), OperationalError("could not serialize access")
    error.__cause__ = SerializationFailure()
    return refusing(lambda sql: is_write(sql) and not (sql in seen or seen.add(sql)), error)


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


def ends_a_row(sql):
    return "UPDATE" in sql and '"ended" =' in sql.partition("WHERE")[0]


@pytest.mark.parametrize(("channel", "refused"), [("front", bool), ("back", ends_a_row)])
def test_notice_comes_while_the_database_refuses(
    client, instance, instance_sign_in, channel, refused
):
    instance_sign_in(client, "maria")
    sid = SignIn.objects.get().sid
    body = f"logout_token={instance.logout_token('maria', sid)}"

    def notify():
        if channel == "back":
            return client.post("/backchannel-signout", body, content_type=FORM).status_code
        return client.get("/frontchannel-signout", {"iss": instance.issuer, "sid": sid}).status_code

    with refusing(refused):
        assert notify() == 503
    assert notify() == 200
    assert client.get("/whoami").json()["user"] == ""


def test_sign_in_is_complete_though_the_former_row_cannot_end(client, instance_sign_in):
    instance_sign_in(client, "maria")
    with refusing(ends_a_row):
        assert instance_sign_in(client, "maria").status_code == 302
    assert client.get("/whoami").json()["user"] == "maria"


@pytest.mark.parametrize(
    ("sql", "error", "told"),
    [
        ("INSERT INTO erp", READ_ONLY, "error=database_busy (cause='InternalError') "),
        ("UPDATE erp", READ_ONLY, "error=database_busy (cause='InternalError') "),
        ("INSERT INTO erp", OperationalError("no such table: x"), "run='manage.py migrate'"),
        ('INSERT INTO "django_session', OSError("disk full"), "(cause='OperationalError') "),
    ],
)
def test_database_that_refuses_is_a_page(visitor, instance, caplog, sql, error, told):
    visitor.get("/basket?add=1")
    attempt = begin(visitor, instance)
    with refusing(lambda statement: statement.startswith(sql), error):
        page = attempt.bring()
    assert (page.status_code, "This site has a problem" in page.text) == (503, True)
    assert told in caplog.text
    assert all(text in mail.outbox[0].body for text in ("Error at /signin-callback", str(error)))
    assert visitor.whoami()["basket"] == ["1"]
    again = visitor.get(unescape(re.search(r'class="button" href="([^"]+)', page.text)[1]))
    if not sql.endswith("INTO erp"):
        again = visitor.bring(visitor.at(again.headers["Location"]))
    assert (again.status_code, visitor.whoami()["user"]) == (302, "maria")
