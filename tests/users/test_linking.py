"""LINK_USERS_BY: who takes over a local user, and what that ends."""

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError
from django.db.models.lookups import IExact
from django.test import Client
from django.test.utils import register_lookup

from erpnet_instanceid.models import Account
from erpnet_instanceid.users.linking import adopt, users_to_link

from ..support.backend import denied, sign_in

User = get_user_model()

CLAIMS = {
    "iss": "https://op.test/id",
    "sub": "maria",
    "id": "8c4f",
    "user_type": "InternalUser",
    "email": "mike@sense.example",
    "email_verified": "true",
}


class Anything(IExact):
    """A database that takes every text for the same."""

    def as_sql(self, _compiler, _connection):
        return "1 = 1", []


VERIFIED = {"email_verified": True}


@pytest.mark.parametrize(
    ("by", "local", "changes", "is_same"),
    [
        ("username", {"username": "maria"}, {}, True),
        ("username", {"username": "Maria"}, {}, False),
        ("username", {"username": "maria "}, {}, False),
        ("username", {"username": "mari\u00e0"}, {}, False),
        ("email", {"email": "Mike@Sense.Example"}, {}, True),
        ("email", {"email": "Mike@Sense.Example"}, VERIFIED, True),
        ("email", {"email": "m\u0131ke@sense.example"}, {}, False),
        ("email", {"email": "mike@\u017fense.example"}, {}, False),
        ("email", {"email": "mike@sens\u00e9.example"}, {}, False),
        ("email", {"email": "mike@\uff53ense.example"}, {}, False),
        ("email", {"email": "M\u0130KE@sense.example"}, {}, False),
        ("email", {"email": ""}, {}, False),
        ("email", {"email": ""}, {"email": ""}, False),
        ("email", {"email": "mike@sense.example"}, {"email_verified": "false"}, False),
        ("email", {"email": "mike@sense.example"}, {"email_verified": 1}, False),
        ("email", {"email": "mike@sense.example"}, {"email": ["mike@sense.example"]}, False),
        ("email", {"email": "mike@sense.example"}, {"email": None}, False),
    ],
    ids=str,
)
def test_fld_03_local_user_has_the_same_name_or_address(site, by, local, changes, is_same):
    site(LINK_USERS_BY=by)
    user = User.objects.create(**{"username": "local", **local})
    email, username = User._meta.get_field("email"), User._meta.get_field("username")

    with (
        register_lookup(email, Anything, lookup_name="iexact"),
        register_lookup(username, Anything, lookup_name="exact"),
    ):
        assert users_to_link(User, {**CLAIMS, **changes}) == ([user] if is_same else [])


def test_user_is_linked_to_one_person(site):
    site(LINK_USERS_BY="username")
    local = User.objects.create_user("maria")

    assert sign_in(id="8c4f") == sign_in(id="8c4f") == local
    assert sign_in("maria", id="another person").username == "maria@op.test"


def test_two_users_of_one_email_are_nobody(site):
    site(LINK_USERS_BY="email")
    for name in ("one", "two"):
        User.objects.create_user(name, "maria@company.example")

    assert denied(email="maria@company.example", email_verified=True) == "several_users"


def test_inactive_user_is_not_linked(site):
    site(LINK_USERS_BY="username")
    User.objects.create_user("maria", is_active=False)

    assert denied() == "inactive_user"
    assert not Account.objects.exists()


def test_creates_nobody_where_the_site_does_not_want_it(site):
    site(CREATE_USERS=False)
    assert denied() == "unknown_user"
    assert not User.objects.exists()

    local = User.objects.create_user("maria")
    site(CREATE_USERS=False, LINK_USERS_BY="username")
    assert sign_in() == local
    site(CREATE_USERS=False)
    assert sign_in() == local


def test_login_name_is_no_address(site):
    """Where the e-mail is the username, the verified one counts."""

    class NamedByEmail(User):
        USERNAME_FIELD = "email"

        class Meta:
            proxy = True
            app_label = "tests"

    site(LINK_USERS_BY="username")
    local = NamedByEmail.objects.create(email=CLAIMS["email"])
    login_name = {**CLAIMS, "sub": CLAIMS["email"]}

    assert users_to_link(NamedByEmail, {**login_name, "email_verified": "false"}) == []
    assert users_to_link(NamedByEmail, CLAIMS) == [local]


def test_fld_05_user_is_taken_over_once(site):
    site(LINK_USERS_BY="email")
    local = User.objects.create_user("local", "mike@sense.example")
    adopt(local, CLAIMS)

    with pytest.raises(IntegrityError):
        adopt(local, {**CLAIMS, "sub": "other", "id": "other"})


@pytest.mark.parametrize(
    ("by", "keeps"), [("username", False), ("email", False), ("username", True)]
)
def test_fld_04_prepared_password_and_session_end(visitor, instance, configure, caplog, by, keeps):
    """Unless the site says otherwise."""
    configure(LINK_USERS_BY=by, LINK_KEEPS_PASSWORD=keeps)
    instance.people["maria"].email_verified = True
    name = "maria" if by == "username" else "prepared"
    User.objects.create_user(name, "maria@company.example", "prepared")
    prepared = Client()
    assert prepared.login(username=name, password="prepared")
    assert prepared.get("/private").status_code == 200

    visitor.sign_in()

    assert visitor.whoami()["user"] == name
    assert prepared.get("/private").status_code == (200 if keeps else 302)
    assert Client().login(username=name, password="prepared") is keeps
    assert (f"by={by} password=kept" in caplog.text) is keeps
    assert visitor.get("/private").status_code == 200


def test_known_person_keeps_a_password_that_came_later(visitor, configure):
    configure(LINK_USERS_BY="username")
    visitor.sign_in()
    user = User.objects.get()
    user.set_password("set by the site")
    user.save()

    visitor.sign_in()

    assert Client().login(username="maria", password="set by the site")
    assert Account.objects.get().adopted is None
