"""Rights follow what the instance says while somebody stays signed in."""

import time

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session

from erpnet_instanceid.api.profile import rights_at_profile
from erpnet_instanceid.backends import InstanceIDBackend
from erpnet_instanceid.models import Account, SignIn
from erpnet_instanceid.oidc.errors import SignInDenied, SignInExpired
from erpnet_instanceid.tokens.endings import end_all_of
from erpnet_instanceid.users.rights import check_user_type, follow

from ..support.ageing import refreshes, sign_in_expired
from ..support.forging import MISSING, claims
from ..support.sessions import SessionStore

User = get_user_model()


def test_fld_06_demoted_administrator_loses_it_in_all_browsers(new_visitor, instance):
    other, visitor = new_visitor(), new_visitor()
    other.sign_in("admin")
    sign_in_expired(visitor, instance, "admin")
    assert other.get("/admin/").status_code == 200
    instance.people["admin"].is_admin = False

    assert visitor.get("/admin/").status_code == 403

    assert other.get("/admin/").status_code == 403
    assert len(refreshes(instance)) == 1
    for browser in (visitor, other):
        assert browser.get("/async/identity").json()["is_admin"] is False
    assert other.whoami()["user"] == visitor.whoami()["user"] == "admin"


def test_fld_06_refused_user_type_is_out_in_every_browser(new_visitor, instance):
    other, visitor, colleague = new_visitor(), new_visitor(), new_visitor()
    other.sign_in("admin")
    colleague.sign_in("maria")
    sign_in_expired(visitor, instance, "admin")
    instance.people["admin"].user_type = "ExternalCommunityUser"

    assert visitor.get("/private").status_code == 302

    assert other.whoami()["user"] == visitor.whoami()["user"] == ""
    assert colleague.whoami()["user"] == "maria"
    ended = SignIn.objects.filter(account__sub="admin")
    assert ended.filter(ended=None).count() == ended.exclude(tokens="").count() == 0
    assert Session.objects.count() == 1


def test_session_that_cannot_be_deleted_spares_no_other(account, settings, monkeypatch):
    settings.SESSION_ENGINE = "tests.support.sessions"
    keys = [str(number) * 32 for number in range(3)]
    for key in keys:
        SignIn.objects.create(attempt=key, account=account, session_key=key)
        SessionStore(key).save(must_create=True)
    monkeypatch.setattr(SessionStore, "stuck", {keys[1]})

    end_all_of(account, "user_type_refused")

    assert Session.objects.get().session_key == keys[1]
    assert not SignIn.objects.filter(ended=None).exists()


@pytest.mark.parametrize("where", ["/private", "/api"])
def test_fld_17_deactivated_user_gets_no_renewal(visitor, instance, where):
    sign_in_expired(visitor, instance)
    User.objects.update(is_active=False)

    assert visitor.get(where).status_code == 302

    assert instance.calls("token") == instance.calls("api") == []


def test_fld_17_deactivated_user_has_no_api_for_later(visitor, instance):
    visitor.sign_in()
    User.objects.update(is_active=False)

    with pytest.raises(SignInExpired):
        SignIn.objects.get().api()
    assert visitor.whoami()["scope"] is None


class Breaking(InstanceIDBackend):
    def update_user(self, user, claims):
        raise KeyError("department")


def test_sites_own_mistake_costs_no_sign_in(visitor, instance, settings, caplog):
    sign_in_expired(visitor, instance)
    settings.AUTHENTICATION_BACKENDS = [
        f"{__name__}.Breaking",
        "erpnet_instanceid.backends.InstanceIDBackend",
    ]

    assert visitor.get("/private").status_code == 200

    assert len(refreshes(instance)) == 1
    assert "rights_not_followed error=KeyError" in caplog.text


@pytest.fixture
def admin(visitor, instance, configure):
    """The administrator, whose next page renews and asks the instance for their profile."""
    configure(RIGHTS_FROM="profile", DEADLINE=2)
    return sign_in_expired(visitor, instance, "admin")


def test_profile_is_asked_once_for_a_renewal(admin, instance):
    # The instance goes on with the claims of the first token.
    instance.change("access_token", claims(is_admin="true"))
    instance.people["admin"].is_admin = False

    assert admin.get("/admin/").status_code == 403

    assert len(instance.calls("me")) == 1


def test_profile_that_fails_costs_no_sign_in(admin, instance, caplog):
    instance.always("me", status=500, json={"message": "no", "code": 1, "type": "Error"})

    assert admin.get("/admin/").status_code == 200

    assert "rights_not_asked" in caplog.text


@pytest.mark.parametrize("answer", [{"status": 503}, {"json": {}}], ids=["fails", "tells nothing"])
def test_old_claims_give_no_right_back(admin, instance, answer):
    # /me said so at a renewal before, and the token goes on with the claims of the first one.
    User.objects.update(is_staff=False, is_superuser=False)
    instance.always("me", **answer)

    assert admin.get("/admin/").status_code == 403

    assert len(refreshes(instance)) == 1


@pytest.mark.parametrize("page", ["/admin/", "/async/identity"])
def test_profile_that_hangs_delays_a_page_once(admin, instance, page):
    instance.always("auto_discovery", delay=30)
    instance.always("me", delay=30)
    begun = time.monotonic()

    assert admin.get(page).status_code == 200

    assert time.monotonic() - begun < 3.8
    assert SignIn.objects.get().generation == 2


@pytest.mark.parametrize("refusal", ["user type", "deactivated"])
def test_uin_14_refused_sign_in_ends_the_persons_others(new_visitor, instance, refusal):
    other, colleague, visitor = new_visitor(), new_visitor(), new_visitor()
    other.sign_in("maria")
    colleague.sign_in("admin")
    if refusal == "user type":
        instance.people["maria"].user_type = "ExternalCommunityUser"
    else:
        User.objects.filter(username="maria").update(is_active=False)

    assert visitor.sign_in("maria").status_code == 403

    assert other.whoami()["user"] == ""
    assert colleague.whoami()["user"] == "admin"
    assert SignIn.objects.filter(account__sub="maria", ended=None).count() == 0


def test_sign_in_without_a_type_ends_nothing(new_visitor, instance):
    other, visitor = new_visitor(), new_visitor()
    other.sign_in("maria")
    instance.change("access_token", claims(user_type=MISSING))
    instance.change("userinfo", lambda told: told.pop("user_type") and None)

    assert visitor.sign_in("maria").status_code == 403

    assert other.whoami()["user"] == "maria"


def test_fld_06_type_groups_and_name_follow(account, configure):
    types = {"InternalUser": ["employees"], "ExternalCommunityUser": ["customers"]}
    configure(USER_TYPE_GROUPS=types, ALLOWED_USER_TYPES=list(types))
    follow(account, {"user_type": "InternalUser"})

    follow(account, {"user_type": "ExternalCommunityUser", "name": "Maria Petrova"})

    user = User.objects.get()
    assert [group.name for group in user.groups.all()] == ["customers"]
    assert user.get_full_name() == "Maria Petrova"
    assert Account.objects.get().user_type == "ExternalCommunityUser"


@pytest.mark.parametrize("claims", [{}, {"id": "another", "is_admin": "false"}], ids=str)
def test_follow_takes_no_right_away(account, claims):
    """A missing claim says nothing, and neither do those of another person."""
    follow(account, claims)
    assert User.objects.get().is_superuser


class Picky(InstanceIDBackend):
    def verify_claims(self, claims):
        return bool(claims["email"].endswith("@company.example"))


def test_verify_claims_is_asked_at_a_renewal(account, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Picky"]
    with pytest.raises(SignInDenied, match="claims_refused"):
        follow(account, {"user_type": "InternalUser", "email": "maria@elsewhere.example"})


def test_profile_tells_rights(instance):
    instance.always("me", json={"isActive": False, "isAdmin": None, "userType": "InternalUser"})
    assert rights_at_profile("token") == {"is_active": False, "user_type": "InternalUser"}


def test_follow_writes_nothing_where_nothing_changed(account, django_assert_num_queries):
    claims = {"user_type": "InternalUser", "is_admin": "true", "name": "Maria Ivanova"}
    follow(account, claims)

    with django_assert_num_queries(1):
        follow(account, claims)


def test_follow_refuses_a_person_who_is_not_active(account):
    with pytest.raises(SignInDenied, match="inactive_user"):
        follow(account, {"is_active": False})


NO_LOGIN = [
    "VirtualUserNoLogin",
    "SystemUserNoLogin",
    "ApplicationUserNoLogin",
    "InvitationInternalNoLogin",
    "InvitationExternalNoLogin",
]
ODD_TYPES = ["", None, "internaluser", "InternalUser ", ["InternalUser"], {"InternalUser": 1}, True]


@pytest.mark.parametrize("user_type", [*NO_LOGIN, *ODD_TYPES], ids=str)
def test_uin_12_type_stays_out_with_any_settings(configure, user_type):
    configure(ALLOWED_USER_TYPES=["InternalUser", *NO_LOGIN])
    with pytest.raises(SignInDenied, match="user_type_refused"):
        check_user_type({"sub": "maria", "user_type": user_type})
