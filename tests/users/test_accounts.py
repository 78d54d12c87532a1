"""Rows UIN of the cases: which claims count, and which user of the site the visitor becomes.

``tests/oidc/test_access_token.py`` has each fault of an access token and of userinfo, and
``tests/users/test_claims.py`` the values of claims; here a few of each come with a sign-in.
"""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from erpnet_instanceid.models import Account
from erpnet_instanceid.testing import new_key

from ..support.backend import ISSUER, denied, sign_in
from ..support.forging import MISSING, claims, named
from ..support.outcomes import begin

User = get_user_model()

PROFILE = ("id", "name", "email", "email_verified", "user_type", "is_admin", "locale")
# An access token that says nothing of the person, so that the site asks userinfo.
BARE = claims(**dict.fromkeys(PROFILE, MISSING))


@pytest.mark.usefixtures("site")
def test_id_that_is_spelled_like_a_login_is_not_that_login():
    assert sign_in("maria") != sign_in("other", id="maria")


@pytest.mark.usefixtures("site")
def test_uin_15_equal_email_links_no_user_unless_the_site_asks():
    local = User.objects.create_superuser("maria", "maria@company.example")
    owner = User.objects.create_user("owner", "owner@company.example")

    user = sign_in(email=local.email, email_verified="true")

    assert user not in (local, owner)
    assert not user.is_superuser
    assert sign_in(email=owner.email, email_verified="true") == user
    assert [account.user for account in Account.objects.all()] == [user]


def test_uin_18_person_of_another_instance_is_another_user(site):
    user = sign_in(id="8c4f")
    site(INSTANCE_URL="https://other.test")

    other = sign_in(id="8c4f", iss="https://other.test/id")

    assert (user.username, other.username) == ("maria", "maria@other.test")
    first, second = Account.objects.order_by("pk")
    assert (first.issuer, second.issuer) == (ISSUER, "https://other.test/id")
    assert first.key == second.key


@pytest.mark.usefixtures("site")
def test_uin_19_reassigned_login_is_another_user():
    old, new = sign_in(id="8c4f"), sign_in(id="other")
    assert (old.username, new.username) == ("maria", "maria@op.test")
    assert set(Account.objects.values_list("sub", "user")) == {("maria", old.pk), ("maria", new.pk)}


@pytest.mark.usefixtures("site")
def test_uin_19_renamed_login_is_the_same_user():
    user = sign_in(id="8c4f")
    first = timezone.now() - timedelta(days=9)
    Account.objects.update(created=first, changed=first)
    sign_in(id="8c4f")
    assert Account.objects.get().changed == first

    renamed = sign_in("maria.ivanova", id="8c4f")

    account = Account.objects.get()
    assert (renamed, renamed.username, account.sub) == (user, "maria", "maria.ivanova")
    assert account.changed > account.created == first


@pytest.mark.usefixtures("site")
def test_uin_19_swapped_logins_keep_their_users():
    maria, admin = sign_in("maria", id="m"), sign_in("admin", id="a")
    assert sign_in("maria", id="a") == admin
    assert sign_in("admin", id="m") == maria
    assert Account.objects.get(sub="maria").user == admin


@pytest.mark.usefixtures("site")
def test_fld_07_account_kept_by_sub_takes_its_first_id():
    user = sign_in()
    assert sign_in(id="8c4f") == sign_in("maria.ivanova", id="8c4f") == user
    account = Account.objects.get()
    assert (account.key, account.sub) == ("8c4f", "maria.ivanova")


@pytest.mark.usefixtures("site")
def test_fld_07_sign_in_without_the_known_id_is_refused():
    sign_in(id="8c4f")
    assert denied() == "identity_incomplete"


@pytest.mark.usefixtures("site")
def test_fld_07_second_id_of_a_reused_name_is_another_user():
    sign_in()
    assert sign_in(id="8c4f") != sign_in(id="other")


@pytest.mark.usefixtures("site")
def test_uin_13_former_administrator_loses_the_right():
    """On the user, and so in every browser."""
    for is_admin in ("true", "false"):
        user = sign_in(is_admin=is_admin)
        assert (user.is_staff, user.is_superuser) == (is_admin == "true",) * 2


def test_uin_03_unreachable_userinfo_is_a_temporary_failure(visitor, instance, configure):
    configure(DEADLINE=0.5)
    instance.change("access_token", BARE)
    instance.always("userinfo", delay=30)
    attempt = begin(visitor, instance)

    attempt.assert_unavailable(attempt.bring(), token_requests=1, userinfo_requests=1)

    instance.heal()
    begin(visitor, instance).assert_signed_in()


def test_uin_03_no_user_type_without_a_userinfo_endpoint(visitor, instance):
    instance.change("access_token", BARE)
    instance.change("discovery", lambda document: document.pop("userinfo_endpoint") and None)
    attempt = begin(visitor, instance)
    attempt.assert_denied("user_type_refused")


OPAQUE = "0123456789ABCDEF" * 4


@pytest.mark.parametrize("login", ["maria", "admin"])
def test_uin_09_opaque_access_token_makes_userinfo_the_source(visitor, instance, login):
    instance.change("access_token", lambda _: OPAQUE)

    begin(visitor, instance, login).assert_signed_in(login=login)

    assert len(instance.calls("userinfo")) == 1
    user = User.objects.get()
    assert (user.username, user.email) == (login, f"{login}@company.example")
    assert user.is_staff is user.is_superuser is (login == "admin")
    assert visitor.get("/customers").status_code == 200
    # Only a signed token may name the person by anything but `sub`.
    assert Account.objects.get().key == login


def test_uin_11_access_token_that_does_not_hold_gives_no_rights(visitor, instance):
    instance.change("id_token", claims(user_type="InternalUser", name="Plain Maria"))
    instance.change("access_token", claims(is_admin="true", name="Admin Maria", id="other"))
    instance.change("access_token", lambda token: setattr(token, "sign_with", new_key()))

    begin(visitor, instance).assert_signed_in()

    user = User.objects.get()
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert user.get_full_name() == "Plain Maria"
    assert Account.objects.get().key == "maria"
    assert instance.calls("userinfo") == []


def test_uin_11_expired_access_token_is_renewed_once(visitor, instance):
    instance.change("id_token", claims(user_type="InternalUser"))
    instance.change("access_token", claims(exp=lambda exp: exp - 2 * 3600), times=1)
    instance.change("token_answer", lambda tokens: tokens.pop("expires_in") and None, times=1)
    visitor.sign_in()

    assert visitor.get("/customers").status_code == 200
    assert visitor.get("/customers").status_code == 200

    assert len(instance.calls("token", "refresh_token")) == 1
    assert len(instance.calls("api")) == 2


@pytest.mark.parametrize("user_type", ["ExternalCommunityUser", MISSING], ids=named)
def test_uin_12_other_kinds_of_users_stay_out(visitor, instance, user_type):
    instance.change("access_token", claims(user_type=user_type))
    instance.change("userinfo", lambda told: told.pop("user_type") and None)
    attempt = begin(visitor, instance)

    attempt.assert_denied("user_type_refused", userinfo_requests=int(user_type is MISSING))

    assert not User.objects.exists()
