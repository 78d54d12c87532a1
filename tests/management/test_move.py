"""`manage.py instanceid move`: the accounts of an instance that has another address now."""

import io

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError

from erpnet_instanceid.models import Account, SignIn
from erpnet_instanceid.testing import run_instance

from .command import told

User = get_user_model()


@pytest.fixture
def moved(instance, configure):
    """Lets the site know the instance by its new address."""
    with run_instance() as new:
        # The same people, whose ids differ from one stand-in to the next only if added by name.
        for login in ("maria", "admin"):
            assert new.people[login].id == instance.people[login].id

        def change():
            configure(**new.settings())
            return new

        yield change


def move(issuer):
    return told("move", f"--from={issuer}", "--no-input")


def without_id(instance, times=None):
    instance.change("access_token", lambda token: token.claims.pop("id") and None, times=times)


def test_people_keep_their_users(new_visitor, instance, moved):
    former, visitor = new_visitor(), new_visitor()
    former.sign_in("maria")
    new = moved()

    text = move(instance.issuer)

    assert f"1 accounts of {instance.issuer}" in text
    assert "1 open sign-ins will end" in text
    assert former.whoami()["user"] == ""
    assert SignIn.objects.filter(ended=None).count() == 0
    visitor.sign_in("maria")
    assert visitor.whoami()["user"] == "maria"
    assert User.objects.count() == 1
    assert Account.objects.get().issuer == new.issuer


def test_second_user_gives_the_person_back(new_visitor, instance, moved):
    new_visitor().sign_in("maria")
    moved()
    early = new_visitor()
    early.sign_in("maria")
    assert early.whoami()["user"] == "maria@127.0.0.1"

    assert "second user" in move(instance.issuer)

    assert early.whoami()["user"] == ""
    visitor = new_visitor()
    visitor.sign_in("maria")
    assert visitor.whoami()["user"] == "maria"
    assert User.objects.count() == 2
    assert Account.objects.count() == 1


@pytest.mark.parametrize("lacking", ["old", "new"])
def test_login_name_tells_where_one_has_no_id(new_visitor, instance, moved, lacking):
    if lacking == "old":
        without_id(instance)
    new_visitor().sign_in("maria")
    new = moved()
    if lacking == "new":
        without_id(new)
    new_visitor().sign_in("maria")
    new.heal()

    move(instance.issuer)

    visitor = new_visitor()
    visitor.sign_in("maria")
    assert visitor.whoami()["user"] == "maria"
    account = Account.objects.get()
    assert (account.issuer, account.key) == (new.issuer, new.people["maria"].id)


def test_another_person_of_the_same_name_is_left_alone(new_visitor, instance, moved):
    new_visitor().sign_in("maria")
    new = moved()
    new.people.add("maria", "Another Maria", email="another@company.example")
    new_visitor().sign_in("maria")

    move(instance.issuer)

    first, second = Account.objects.order_by("pk")
    assert first.user != second.user
    assert first.issuer == second.issuer == new.issuer


@pytest.fixture
def old_account(db):
    user = User.objects.create_user("maria")
    Account.objects.create(user=user, fingerprint="0", issuer="https://old.test/id", key="1")


@pytest.mark.parametrize(
    ("issuer", "reason"),
    [
        ("", "https://old.test/id"),
        ("https://old.test/id/", "https://old.test/id"),
        (None, "former"),
    ],
)
def test_names_what_can_be_moved(old_account, settings, issuer, reason):
    current = f"{settings.ERPNET_INSTANCEID['INSTANCE_URL']}/id"

    with pytest.raises(CommandError, match=reason):
        move(current if issuer is None else issuer)


def test_nothing_changes_without_a_yes(old_account, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))

    with pytest.raises(CommandError, match="Nothing was changed"):
        told("move", "--from=https://old.test/id")

    assert Account.objects.get().issuer == "https://old.test/id"
