"""LINK_USERS_BY: who takes over a local user, and what that ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError
from django.db.models.lookups import IExact
from django.test import Client
from django.test.utils import register_lookup

from erpnet_instanceid.models import Account
from erpnet_instanceid.testing import Instance
from erpnet_instanceid.users.linking import adopt, users_to_link

from ..support.visitor import Visitor

User = get_user_model()
Configure = Callable[..., None]

CLAIMS = {
    "iss": "https://op.test/id",
    "sub": "maria",
    "id": "8c4f",
    "user_type": "InternalUser",
    "email": "mike@sense.example",
    "email_verified": "true",
}


class Anything(IExact):
    """A database that takes every address for the same."""

    def as_sql(self, _compiler: Any, _connection: Any) -> tuple[str, list[Any]]:
        return "1 = 1", []


@pytest.fixture
def link_by(settings: Any, db: None) -> Configure:
    def change(by: str, **keys: Any) -> None:
        settings.ERPNET_INSTANCEID = {**settings.ERPNET_INSTANCEID, "LINK_USERS_BY": by, **keys}

    return change


@pytest.mark.parametrize(
    ("address", "is_same"),
    [
        ("Mike@Sense.Example", True),
        ("m\u0131ke@sense.example", False),
        ("mike@\u017fense.example", False),
        ("mike@sens\u00e9.example", False),
        ("mike@\uff53ense.example", False),
        ("M\u0130KE@sense.example", False),
        ("", False),
    ],
)
def test_fld_03_addresses_are_the_same_but_for_ascii_case(
    link_by: Configure, address: str, is_same: bool
) -> None:
    link_by("email")
    local = User.objects.create_user("local", address)

    with register_lookup(User._meta.get_field("email"), Anything, lookup_name="iexact"):
        assert users_to_link(User, CLAIMS) == ([local] if is_same else [])


def test_login_name_is_no_address(link_by: Configure) -> None:
    """Where the e-mail is the username, the verified one counts."""

    class NamedByEmail(User):  # type: ignore[misc, valid-type]
        USERNAME_FIELD = "email"

        class Meta:
            proxy = True
            app_label = "tests"

    link_by("username")
    local = NamedByEmail.objects.create(email=CLAIMS["email"])
    login_name = {**CLAIMS, "sub": CLAIMS["email"]}

    assert users_to_link(NamedByEmail, {**login_name, "email_verified": "false"}) == []
    assert users_to_link(NamedByEmail, CLAIMS) == [local]


def test_fld_05_user_is_taken_over_once(link_by: Configure) -> None:
    link_by("email")
    local = User.objects.create_user("local", "mike@sense.example")
    adopt(local, CLAIMS)

    with pytest.raises(IntegrityError):
        adopt(local, {**CLAIMS, "sub": "other", "id": "other"})


@pytest.mark.parametrize("by", ["username", "email"])
def test_fld_04_prepared_password_and_session_end(
    visitor: Visitor, instance: Instance, configure: Configure, by: str
) -> None:
    configure(LINK_USERS_BY=by)
    instance.people["maria"].email_verified = True
    name = "maria" if by == "username" else "prepared"
    User.objects.create_user(name, "maria@company.example", "prepared")
    prepared = Client()
    assert prepared.login(username=name, password="prepared")
    assert prepared.get("/private").status_code == 200

    visitor.sign_in()

    assert visitor.whoami()["user"] == name
    assert prepared.get("/private").status_code == 302
    assert not Client().login(username=name, password="prepared")
    assert visitor.get("/private").status_code == 200


def test_link_keeps_password_if_the_site_says_so(
    visitor: Visitor, configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    configure(LINK_USERS_BY="username", LINK_KEEPS_PASSWORD=True)
    User.objects.create_user("maria", password="local")
    local = Client()
    local.login(username="maria", password="local")

    visitor.sign_in()

    assert visitor.whoami()["user"] == "maria"
    assert local.get("/private").status_code == 200
    assert Client().login(username="maria", password="local")
    assert "by=username password=kept" in caplog.text


def test_known_person_keeps_a_password_that_came_later(
    visitor: Visitor, configure: Configure
) -> None:
    configure(LINK_USERS_BY="username")
    visitor.sign_in()
    user = User.objects.get()
    user.set_password("set by the site")
    user.save()

    visitor.sign_in()

    assert Client().login(username="maria", password="set by the site")
    assert Account.objects.get().adopted is None
