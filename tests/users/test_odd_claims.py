"""Rows CLM-09 and 17: logins that look alike, and claims of any type and text."""

import pytest

from erpnet_instanceid.models import Account
from erpnet_instanceid.oidc.errors import SignInDenied

from ..support.backend import assert_fits, sign_in

pytestmark = pytest.mark.usefixtures("site")
# The last three have letters of other scripts, or with accents.
LOGINS = ["alice", "ALICE", "alice ", " alice", "Alice", "\u0430lice", "ali\u0301ce", "al\xedce"]
KNOWN = {"name": "Some Body", "email": "some@body.example"}

LONG_NAMES = ["x" * 10_000, "x " * 5_000, " ".join(["x" * 200, "y" * 200])]
LONG_HOST = ".".join(letter * 60 for letter in "bcdef")
LONG_EMAILS = [f"{'x' * 390}@b.example", f"x@{LONG_HOST}.example"]
LINES = ["a@b.example\n", "a@b.example\nBcc: c@d.example"]
ODD_CLAIMS = {
    "name": [123, [], {}, None, True, "", " ", *LONG_NAMES, "a\0b", "a\nb", "\ud800", "a\u202eb"],
    "email": [
        ["a@b"],
        "no-email",
        5,
        None,
        "",
        *LONG_EMAILS,
        *LINES,
        "a\0@b.example",
        "\ud800@b.c",
    ],
    "email_verified": ["maybe", None, 1, [], {}],
    "locale": [5, None, [], "x" * 10_000, "\0"],
    "amr": ["pwd", None, 5, {}],
    "idp": [None, 5, [], "\0"],
    "id": [None, 5, [], {}, "", " ", "x" * 300, "a\0b", "\ud800", True],
    "db": [None, 5, "\0", "x" * 10_000],
    "is_admin": [None, 5, [], {}, "maybe", "TRUE\0", 1, "1", "yes"],
    "preferred_username": [None, "\0", 5],
}


@pytest.mark.parametrize("name", ODD_CLAIMS)
def test_clm_17_odd_claim_does_no_harm(name):
    for number, value in enumerate(ODD_CLAIMS[name]):
        try:
            user = sign_in(f"person{number}", **{**KNOWN, name: value})
        except SignInDenied:
            continue
        user.refresh_from_db()
        assert_fits(user)
        assert_fits(Account.objects.get(user=user))
        assert (user.is_staff, user.is_superuser) == (False, False), value


def test_clm_17_odd_claim_does_not_replace_a_known_value():
    sign_in(**KNOWN)
    for name in ("name", "email"):
        for value in ODD_CLAIMS[name]:
            user = sign_in(**{**KNOWN, name: value})
            user.refresh_from_db()
            assert_fits(user)
    user = sign_in(name=123, email="a@b.example\nBcc: c@d.example")
    assert (user.get_full_name(), user.email) == ("Some Body", "some@body.example")


@pytest.mark.parametrize("has_id", [True, False], ids=["id", "sub alone"])
@pytest.mark.parametrize("logins", [LOGINS, LOGINS[::-1]], ids=["", "backwards"])
def test_clm_09_logins_that_look_alike_are_different_people(logins, has_id):
    def users():
        ids = [{"id": f"id {login}"} if has_id else {} for login in logins]
        return [sign_in(login, **more).pk for login, more in zip(logins, ids, strict=True)]

    first = users()
    assert len(set(first)) == len(logins)
    assert users() == first
    assert sorted(Account.objects.values_list("sub", flat=True)) == sorted(logins)
