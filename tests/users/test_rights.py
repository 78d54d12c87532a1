"""Rights follow what the instance says while somebody stays signed in."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from erpnet_instanceid.api.profile import rights_at_profile
from erpnet_instanceid.backends import InstanceIDBackend
from erpnet_instanceid.models import Account, SignIn, fingerprint
from erpnet_instanceid.oidc.errors import SignInDenied, SignInExpired
from erpnet_instanceid.testing import Instance, Token
from erpnet_instanceid.users.rights import check_user_type, follow

from ..support.visitor import Visitor

User = get_user_model()
NewVisitor = Callable[..., Visitor]
Configure = Callable[..., None]


def sign_in_expired(visitor: Visitor, instance: Instance, login: str = "admin") -> Visitor:
    """Signed in, with an access token that the next page has to renew."""
    instance.change("token_answer", lambda answer: answer.update(expires_in=0), times=1)
    visitor.sign_in(login)
    return visitor


def renewals(instance: Instance) -> int:
    return len(instance.calls("token", "refresh_token"))


# Rights that a renewal applies


def test_fld_06_demoted_administrator_loses_it_in_all_browsers(
    new_visitor: NewVisitor, instance: Instance
) -> None:
    other, visitor = new_visitor(), new_visitor()
    other.sign_in("admin")
    sign_in_expired(visitor, instance)
    assert other.get("/admin/").status_code == 200
    instance.people["admin"].is_admin = False

    assert visitor.get("/admin/").status_code == 403

    assert other.get("/admin/").status_code == 403
    assert renewals(instance) == 1
    for browser in (visitor, other):
        assert browser.get("/async/identity").json()["is_admin"] is False
    assert other.whoami()["user"] == visitor.whoami()["user"] == "admin"


def test_fld_06_refused_user_type_is_out_in_every_browser(
    new_visitor: NewVisitor, instance: Instance
) -> None:
    other, visitor, colleague = new_visitor(), new_visitor(), new_visitor()
    other.sign_in("admin")
    colleague.sign_in("maria")
    sign_in_expired(visitor, instance)
    instance.people["admin"].user_type = "ExternalCommunityUser"

    assert visitor.get("/private").status_code == 302

    assert other.whoami()["user"] == visitor.whoami()["user"] == ""
    assert colleague.whoami()["user"] == "maria"
    ended = SignIn.objects.filter(account__sub="admin")
    assert ended.filter(ended=None).count() == ended.exclude(tokens="").count() == 0
    assert Session.objects.count() == 1


def test_session_that_cannot_be_deleted_spares_no_other(
    new_visitor: NewVisitor, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, other, visitor = new_visitor(), new_visitor(), new_visitor()
    for browser in (stuck, other):
        browser.sign_in("maria")
    key, delete = stuck.whoami()["session"], SessionStore.delete

    def delete_others(session: SessionStore, session_key: str | None = None) -> None:
        if session_key == key:
            raise OSError
        delete(session, session_key)

    monkeypatch.setattr(SessionStore, "delete", delete_others)
    sign_in_expired(visitor, instance, "maria")
    instance.people["maria"].user_type = "ExternalCommunityUser"

    assert visitor.get("/private").status_code == 302

    assert other.whoami()["user"] == ""
    assert SignIn.objects.filter(ended=None).count() == 0


@pytest.mark.parametrize("where", ["/private", "/api"])
def test_fld_17_deactivated_user_gets_no_renewal(
    visitor: Visitor, instance: Instance, where: str
) -> None:
    sign_in_expired(visitor, instance, "maria")
    User.objects.update(is_active=False)
    instance.forget_requests()

    assert visitor.get(where).status_code == 302

    assert instance.calls("token") == instance.calls("api") == []
    with pytest.raises(SignInExpired):
        SignIn.objects.latest("started").api()


def test_fld_17_deactivated_user_has_no_api_for_later(visitor: Visitor, instance: Instance) -> None:
    visitor.sign_in()
    User.objects.update(is_active=False)

    with pytest.raises(SignInExpired):
        SignIn.objects.get().api()
    assert visitor.whoami()["scope"] is None


# Renewals that cost no sign-in


class Breaking(InstanceIDBackend):
    def update_user(self, user: Any, claims: Any) -> Any:
        raise KeyError("department")


def test_sites_own_mistake_costs_no_sign_in(
    visitor: Visitor, instance: Instance, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in_expired(visitor, instance, "maria")
    settings.AUTHENTICATION_BACKENDS = [
        f"{__name__}.Breaking",
        "erpnet_instanceid.backends.InstanceIDBackend",
    ]

    assert visitor.get("/private").status_code == 200

    assert renewals(instance) == 1
    assert "rights_not_followed error=KeyError" in caplog.text


# RIGHTS_FROM


def test_profile_is_asked_once_for_a_renewal(
    visitor: Visitor, instance: Instance, configure: Configure
) -> None:
    configure(RIGHTS_FROM="profile")
    sign_in_expired(visitor, instance)
    # The instance goes on with the claims of the first token.
    instance.change("access_token", lambda token: token.claims.update(is_admin="true"))
    instance.people["admin"].is_admin = False
    instance.forget_requests()

    assert visitor.get("/admin/").status_code == 403

    assert len(instance.calls("me")) == 1


def test_profile_that_fails_costs_no_sign_in(
    visitor: Visitor,
    instance: Instance,
    configure: Configure,
    caplog: pytest.LogCaptureFixture,
) -> None:
    configure(RIGHTS_FROM="profile")
    sign_in_expired(visitor, instance)
    instance.always("me", status=500, json={"message": "no", "code": 1, "type": "Error"})

    assert visitor.get("/admin/").status_code == 200

    assert "rights_not_asked" in caplog.text


@pytest.mark.parametrize("answer", [{"status": 503}, {"json": {}}], ids=["fails", "tells nothing"])
def test_old_claims_give_no_right_back(
    visitor: Visitor, instance: Instance, configure: Configure, answer: dict[str, Any]
) -> None:
    configure(RIGHTS_FROM="profile")
    sign_in_expired(visitor, instance)
    # /me said so at a renewal before, and the token goes on with the claims of the first one.
    User.objects.update(is_staff=False, is_superuser=False)
    instance.always("me", **answer)

    assert visitor.get("/admin/").status_code == 403

    assert renewals(instance) == 1


@pytest.mark.parametrize("page", ["/admin/", "/async/identity"])
def test_profile_that_hangs_delays_a_page_once(
    visitor: Visitor, instance: Instance, configure: Configure, page: str
) -> None:
    configure(RIGHTS_FROM="profile", DEADLINE=2)
    sign_in_expired(visitor, instance)
    instance.always("auto_discovery", delay=30)
    instance.always("me", delay=30)
    begun = time.monotonic()

    assert visitor.get(page).status_code == 200

    assert time.monotonic() - begun < 3.8
    assert SignIn.objects.get().generation == 2


# A refusal at a sign-in


@pytest.mark.parametrize("refusal", ["user type", "deactivated"])
def test_uin_14_refused_sign_in_ends_the_persons_others(
    new_visitor: NewVisitor, instance: Instance, refusal: str
) -> None:
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


def without_type(token: Token) -> None:
    del token.claims["user_type"]


def test_sign_in_without_a_type_ends_nothing(new_visitor: NewVisitor, instance: Instance) -> None:
    other, visitor = new_visitor(), new_visitor()
    other.sign_in("maria")
    instance.change("access_token", without_type)
    instance.change("userinfo", lambda told: told.pop("user_type") and None)

    assert visitor.sign_in("maria").status_code == 403

    assert other.whoami()["user"] == "maria"


# Directly


@pytest.fixture
def account(db: None) -> Account:
    user = User.objects.create_user("maria", is_staff=True, is_superuser=True)
    issuer, sub = "https://op.test/id", "maria"
    mark = fingerprint(issuer, "id", "1")
    return Account.objects.create(user=user, fingerprint=mark, issuer=issuer, key="1", sub=sub)


def test_fld_06_type_groups_and_name_follow(account: Account, configure: Configure) -> None:
    types = {"InternalUser": ["employees"], "ExternalCommunityUser": ["customers"]}
    configure(USER_TYPE_GROUPS=types, ALLOWED_USER_TYPES=list(types))
    follow(account, {"user_type": "InternalUser"})

    follow(account, {"user_type": "ExternalCommunityUser", "name": "Maria Petrova"})

    user = User.objects.get()
    assert [group.name for group in user.groups.all()] == ["customers"]
    assert user.get_full_name() == "Maria Petrova"
    assert Account.objects.get().user_type == "ExternalCommunityUser"


@pytest.mark.parametrize("claims", [{}, {"id": "another", "is_admin": "false"}], ids=str)
def test_follow_takes_no_right_away(account: Account, claims: dict[str, Any]) -> None:
    """A missing claim says nothing, and neither do those of another person."""
    follow(account, claims)
    assert User.objects.get().is_superuser


class Picky(InstanceIDBackend):
    def verify_claims(self, claims: Any) -> bool:
        return bool(claims["email"].endswith("@company.example"))


def test_verify_claims_is_asked_at_a_renewal(account: Account, settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Picky"]
    with pytest.raises(SignInDenied, match="claims_refused"):
        follow(account, {"user_type": "InternalUser", "email": "maria@elsewhere.example"})


def test_profile_tells_rights(instance: Instance) -> None:
    instance.always("me", json={"isActive": False, "isAdmin": None, "userType": "InternalUser"})
    assert rights_at_profile("token") == {"is_active": False, "user_type": "InternalUser"}


def test_follow_writes_nothing_where_nothing_changed(
    account: Account, django_assert_num_queries: Callable[..., Any]
) -> None:
    claims = {"user_type": "InternalUser", "is_admin": "true", "name": "Maria Ivanova"}
    follow(account, claims)

    with django_assert_num_queries(1):
        follow(account, claims)


def test_follow_refuses_a_person_who_is_not_active(account: Account) -> None:
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
def test_uin_12_type_stays_out_with_any_settings(configure: Configure, user_type: Any) -> None:
    configure(ALLOWED_USER_TYPES=["InternalUser", *NO_LOGIN])
    with pytest.raises(SignInDenied, match="user_type_refused"):
        check_user_type({"sub": "maria", "user_type": user_type})
