"""A user's fields as the claims tell them: username, name, e-mail, flags and groups."""

import hashlib

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from erpnet_instanceid.users.profile import free_name, profile, set_groups, usernames

from ..support.backend import ISSUER

User = get_user_model()


def hashed(key):
    return f"instanceid-{hashlib.sha256((ISSUER + key).encode()).hexdigest()[:16]}"


def username(sub, **claims):
    names = usernames(User, {"iss": ISSUER, "sub": sub, **claims})
    return free_name(User, names, "username")


@pytest.mark.parametrize(
    ("sub", "taken", "expected"),
    [
        ("maria", [], "maria"),
        ("мария", [], "мария"),
        ("maria", ["Maria"], "maria"),
        ("maria", ["maria"], "maria@op.test"),
        ("maria", ["maria", "maria@op.test"], hashed("maria")),
        ("m" * 150, [], "m" * 150),
        ("m" * 151, [], hashed("m" * 151)),
        ("m" * 142, ["m" * 142], "m" * 142 + "@op.test"),
        ("m" * 143, ["m" * 143], hashed("m" * 143)),
        # Django stores names in normal form, where these two become others.
        ("ﬁona", [], hashed("ﬁona")),
        ("mari\u0061\u0300", [], hashed("mari\u0061\u0300")),
    ],
)
@pytest.mark.usefixtures("site")
def test_username(sub, taken, expected):
    for name in taken:
        User.objects.create_user(name)
    assert username(sub) == expected


@pytest.mark.usefixtures("site")
def test_username_is_made_of_the_id_where_there_is_one():
    assert username("m" * 200, id="8c4f") == hashed("8c4f")


def email_of(characters):
    email = "m" * 20 + "@" + (".".join(["x" * 60] * 5))[: characters - 24] + ".bg"
    assert len(email) == characters
    return email


@pytest.mark.parametrize(
    ("claims", "values"),
    [
        ({}, {}),
        ({"name": "Мария Анна Иванова"}, {"first_name": "Мария", "last_name": "Анна Иванова"}),
        ({"name": "Maria"}, {"first_name": "Maria", "last_name": ""}),
        ({"email": "maria@Company.example"}, {"email": "maria@company.example"}),
        ({"is_admin": "true"}, {"is_staff": True, "is_superuser": True}),
        ({"is_admin": "false"}, {"is_staff": False, "is_superuser": False}),
    ],
    ids=str,
)
def test_profile(site, claims, values):
    assert profile(User, claims) == values


@pytest.mark.parametrize(
    ("flags", "values"),
    [(["is_staff"], {"is_staff": True}), (["is_staff", "is_wizard"], {"is_staff": True}), ([], {})],
)
def test_flags_are_those_that_the_site_names_and_has(site, flags, values):
    site(ADMIN_FLAGS=flags)
    assert profile(User, {"is_admin": "true"}) == values


@pytest.mark.parametrize(
    ("longest", "characters", "fits"),
    [(254, 254, True), (254, 255, False), (30, 31, False), (320, 270, True), (None, 270, True)],
)
def test_email_fits_the_field_or_is_left_out(monkeypatch, longest, characters, fits):
    """A database that looks at lengths would refuse the whole user."""
    monkeypatch.setattr(User._meta.get_field("email"), "max_length", longest)
    email = email_of(characters)
    assert profile(User, {"email": email}) == ({"email": email} if fits else {})


def test_email_that_is_the_username_stays(monkeypatch):
    """It is by that name that the site knows its users."""
    monkeypatch.setattr(User, "USERNAME_FIELD", "email")
    assert profile(User, {"email": "other@company.example"}) == {}


def test_user_types_have_groups(site):
    groups = {
        "InternalUser": ["employees", "everybody"],
        "ExternalCommunityUser": ["customers", "everybody"],
    }
    site(USER_TYPE_GROUPS=groups)
    user = User.objects.create_user("maria")
    user.groups.add(Group.objects.create(name="own"), Group.objects.create(name="customers"))

    assert names(user, "InternalUser") == {"employees", "everybody", "own"}
    assert names(user, "ExternalCommunityUser") == {"customers", "everybody", "own"}
    assert names(user, None) == {"customers", "everybody", "own"}
    site(USER_TYPE_GROUPS={})
    assert names(user, "InternalUser") == {"customers", "everybody", "own"}


def names(user, user_type):
    set_groups(user, {} if user_type is None else {"user_type": user_type})
    return set(user.groups.values_list("name", flat=True))
