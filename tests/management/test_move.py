"""`manage.py instanceid move`: the accounts of an instance that has another address now."""

import io

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import CommandError

from erpnet_instanceid.models import Account, SignIn
from erpnet_instanceid.testing import run_instance

from ..support.backend import ISSUER, sign_in
from .command import told

User = get_user_model()


OLD = "https://old.test/id"


def sign_in_at_old(**claims):
    return sign_in(iss=OLD, **claims)


def move(issuer=OLD):
    return told("move", f"--from={issuer}", "--no-input")


def test_people_keep_their_users(new_visitor, instance, configure):
    former, visitor = new_visitor(), new_visitor()
    former.sign_in("maria")
    with run_instance() as new:
        assert new.people["maria"].id == instance.people["maria"].id
        configure(**new.settings())

        text = move(instance.issuer)

        assert f"1 accounts of {instance.issuer}" in text
        assert "1 open sign-ins will end" in text
        assert former.whoami()["user"] == ""
        assert SignIn.objects.filter(ended=None).count() == 0
        visitor.sign_in("maria")
        assert visitor.whoami()["user"] == "maria"
        assert User.objects.count() == 1
        assert Account.objects.get().issuer == new.issuer


def test_second_user_gives_the_person_back(site):
    first, second = sign_in_at_old(id="1"), sign_in(id="1")
    assert second.get_username() == "maria@op.test"
    session = SessionStore()
    session.create()
    account = Account.objects.get(user=second)
    SignIn.objects.create(account=account, session_key=session.session_key)

    assert "second user" in move()

    assert not session.exists(session.session_key)
    assert sign_in(id="1") == first
    assert User.objects.count() == 2
    assert Account.objects.count() == 1


@pytest.mark.parametrize(("old", "new"), [({}, {"id": "1"}), ({"id": "1"}, {})])
def test_login_name_tells_where_one_has_no_id(site, old, new):
    first = sign_in_at_old(**old)
    sign_in(**new)

    move()

    account = Account.objects.get()
    assert (account.issuer, account.key) == (ISSUER, "1")
    assert sign_in(id="1") == first


def test_another_person_of_the_same_name_is_left_alone(site):
    sign_in_at_old(id="1")
    sign_in(id="2")

    move()

    first, second = Account.objects.order_by("pk")
    assert first.user != second.user
    assert first.issuer == second.issuer == ISSUER


@pytest.mark.parametrize(
    ("issuer", "reason"), [("", OLD), (f"{OLD}/", OLD), (ISSUER, "name the former one")]
)
def test_names_what_can_be_moved(site, issuer, reason):
    sign_in_at_old()
    with pytest.raises(CommandError, match=reason):
        move(issuer)


def test_nothing_changes_without_a_yes(site, capsys, monkeypatch):
    sign_in_at_old()
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))

    with pytest.raises(CommandError, match="Nothing was changed"):
        told("move", f"--from={OLD}")

    assert Account.objects.get().issuer == OLD
