"""From claims to a user: names, links, flags and groups, and the methods to override."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import aauthenticate, authenticate, get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.db.models.lookups import IExact
from django.test import RequestFactory
from django.test.utils import register_lookup
from django.utils import timezone

from erpnet_instanceid.backends import InstanceIDBackend
from erpnet_instanceid.models import Account, SignIn
from erpnet_instanceid.testing import Instance

from .support.backend import ISSUER, denied, sign_in
from .support.outcomes import begin
from .support.visitor import Visitor

User = get_user_model()
NewVisitor = Callable[..., Visitor]
Configure = Callable[..., None]


# Names


def hashed(key: str) -> str:
    return f"instanceid-{hashlib.sha256((ISSUER + key).encode()).hexdigest()[:16]}"


@pytest.mark.parametrize(
    ("sub", "taken", "username"),
    [
        ("maria", [], "maria"),
        ("мария", [], "мария"),
        ("maria", ["Maria"], "maria"),
        ("maria", ["maria"], "maria@op.test"),
        ("maria", ["maria", "maria@op.test"], hashed("maria")),
        ("m" * 150, [], "m" * 150),
        ("m" * 151, [], hashed("m" * 151)),
        ("m" * 255, [], hashed("m" * 255)),
        ("m" * 142, ["m" * 142], "m" * 142 + "@op.test"),
        ("m" * 143, ["m" * 143], hashed("m" * 143)),
        # Django stores names in normal form, where these two become others.
        ("ﬁona", [], hashed("ﬁona")),
        ("mari\u0061\u0300", [], hashed("mari\u0061\u0300")),
    ],
)
@pytest.mark.usefixtures("site")
def test_username(sub: str, taken: list[str], username: str) -> None:
    for name in taken:
        User.objects.create_user(name)

    user = sign_in(sub)

    assert user.username == username
    assert sign_in(sub) == user
    assert User.objects.count() == len(taken) + 1


@pytest.mark.usefixtures("site")
def test_username_is_made_of_the_id_where_there_is_one() -> None:
    assert sign_in("m" * 200, id="8c4f").username == hashed("8c4f")


@pytest.mark.usefixtures("site")
def test_id_that_is_spelled_like_a_login_is_not_that_login() -> None:
    assert sign_in("maria") != sign_in("other", id="maria")


@pytest.mark.usefixtures("site")
def test_new_users_have_no_password() -> None:
    assert not sign_in().has_usable_password()


# One person, one account


@pytest.mark.usefixtures("site")
def test_uin_15_equal_email_links_no_user_unless_the_site_asks() -> None:
    local = User.objects.create_superuser("maria", "maria@company.example")
    owner = User.objects.create_user("owner", "owner@company.example")

    user = sign_in(email=local.email, email_verified="true")

    assert user not in (local, owner)
    assert not user.is_superuser
    assert sign_in(email=owner.email, email_verified="true") == user
    assert [account.user for account in Account.objects.all()] == [user]


def test_uin_18_person_of_another_instance_is_another_user(site: Configure) -> None:
    user = sign_in(id="8c4f")
    site(INSTANCE_URL="https://other.test")

    other = sign_in(id="8c4f", iss="https://other.test/id")

    assert (user.username, other.username) == ("maria", "maria@other.test")
    first, second = Account.objects.order_by("pk")
    assert (first.issuer, second.issuer) == (ISSUER, "https://other.test/id")
    assert first.key == second.key


@pytest.mark.usefixtures("site")
def test_uin_19_reassigned_login_is_another_user() -> None:
    old, new = sign_in(id="8c4f"), sign_in(id="other")
    assert (old.username, new.username) == ("maria", "maria@op.test")
    assert set(Account.objects.values_list("sub", "user")) == {("maria", old.pk), ("maria", new.pk)}


@pytest.mark.usefixtures("site")
def test_uin_19_renamed_login_is_the_same_user() -> None:
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
def test_uin_19_swapped_logins_keep_their_users() -> None:
    maria, admin = sign_in("maria", id="m"), sign_in("admin", id="a")
    assert sign_in("maria", id="a") == admin
    assert sign_in("admin", id="m") == maria
    assert Account.objects.get(sub="maria").user == admin


@pytest.mark.usefixtures("site")
def test_fld_07_account_kept_by_sub_takes_its_first_id() -> None:
    user = sign_in()
    assert sign_in(id="8c4f") == sign_in("maria.ivanova", id="8c4f") == user
    account = Account.objects.get()
    assert (account.key, account.sub) == ("8c4f", "maria.ivanova")


@pytest.mark.usefixtures("site")
def test_fld_07_sign_in_without_the_known_id_is_refused() -> None:
    sign_in(id="8c4f")
    assert denied() == "identity_incomplete"


@pytest.mark.usefixtures("site")
def test_fld_07_second_id_of_a_reused_name_is_another_user() -> None:
    sign_in()
    assert sign_in(id="8c4f") != sign_in(id="other")


# Linking to users who were there before


def test_links_by_username(site: Configure) -> None:
    site(LINK_USERS_BY="username")
    local = User.objects.create_user("maria")

    assert sign_in(id="8c4f") == local
    assert sign_in(id="8c4f") == local
    assert User.objects.count() == 1
    # A user who is linked is not linked a second time.
    assert sign_in("maria", id="another person").username == "maria@op.test"


@pytest.mark.parametrize("name", ["Maria", "maria ", "marià"])
def test_links_by_username_only_where_it_is_the_same(site: Configure, name: str) -> None:
    site(LINK_USERS_BY="username")
    local = User.objects.create_user(name)

    assert sign_in() != local


def test_links_by_username_in_the_same_case_on_any_database(site: Configure) -> None:
    """MySQL and SQL Server look away from it, unless told otherwise."""
    site(LINK_USERS_BY="username")
    local = User.objects.create_user("Maria")

    with register_lookup(User._meta.get_field("username"), IExact, lookup_name="exact"):
        assert sign_in() != local


@pytest.mark.parametrize("verified", [True, "true", "True"])
def test_links_by_verified_email(site: Configure, verified: Any) -> None:
    site(LINK_USERS_BY="email")
    local = User.objects.create_user("local", "Maria@Company.example")

    assert sign_in(email="maria@company.example", email_verified=verified) == local
    assert Account.objects.get().user == local


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "maria@company.example"},
        {"email": "maria@company.example", "email_verified": "false"},
        {"email": "maria@company.example", "email_verified": 1},
        {"email": ["maria@company.example"], "email_verified": True},
        {"email": "", "email_verified": True},
        {"email_verified": True},
    ],
)
def test_links_by_no_other_email(site: Configure, claims: dict[str, Any]) -> None:
    site(LINK_USERS_BY="email")
    User.objects.create_user("local", "maria@company.example")
    User.objects.create_user("without", "")

    assert sign_in(**claims).username == "maria"


def test_two_users_of_one_email_are_nobody(site: Configure) -> None:
    site(LINK_USERS_BY="email")
    for name in ("one", "two"):
        User.objects.create_user(name, "maria@company.example")

    assert denied(email="maria@company.example", email_verified=True) == "several_users"
    assert not Account.objects.exists()


def test_inactive_user_is_not_linked(site: Configure) -> None:
    site(LINK_USERS_BY="username")
    User.objects.create_user("maria", is_active=False)

    assert denied() == "inactive_user"
    assert not Account.objects.exists()


def test_linked_administrator_follows_the_instance(site: Configure) -> None:
    site(LINK_USERS_BY="username")
    local = User.objects.create_superuser("maria")

    assert sign_in().is_superuser
    assert not sign_in(is_admin="false").is_superuser
    assert User.objects.get() == local


def test_creates_nobody_where_the_site_does_not_want_it(site: Configure) -> None:
    site(CREATE_USERS=False)
    assert denied() == "unknown_user"
    assert not User.objects.exists()

    site(CREATE_USERS=False, LINK_USERS_BY="username")
    local = User.objects.create_user("maria")
    assert sign_in() == local
    site(CREATE_USERS=False)
    assert sign_in() == local


# Flags, groups, profile


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["is_staff", "is_superuser"], (True, True)),
        (["is_staff"], (True, False)),
        (["is_superuser"], (False, True)),
        ([], (False, False)),
    ],
)
def test_administrators_get_the_flags_that_the_site_names(
    site: Configure, flags: list[str], expected: tuple[bool, bool]
) -> None:
    site(ADMIN_FLAGS=flags)

    user = sign_in(is_admin="true")

    assert (user.is_staff, user.is_superuser) == expected
    assert Account.objects.get().is_admin


def test_flags_that_are_not_named_are_left_alone(site: Configure) -> None:
    site(ADMIN_FLAGS=[], LINK_USERS_BY="username")
    User.objects.create_superuser("maria")

    user = sign_in(is_admin="false")

    assert (user.is_staff, user.is_superuser) == (True, True)


def test_user_types_have_groups(site: Configure) -> None:
    groups = {
        "InternalUser": ["employees", "everybody"],
        "ExternalCommunityUser": ["customers", "everybody"],
    }
    site(USER_TYPE_GROUPS=groups, ALLOWED_USER_TYPES=list(groups))
    own = Group.objects.create(name="own")

    user = sign_in()
    assert names(user) == {"employees", "everybody"}
    user.groups.add(own, Group.objects.get_or_create(name="customers")[0])

    assert names(sign_in()) == {"employees", "everybody", "own"}
    assert names(sign_in(user_type="ExternalCommunityUser")) == {"customers", "everybody", "own"}
    site(USER_TYPE_GROUPS={}, ALLOWED_USER_TYPES=list(groups))
    assert names(sign_in()) == {"customers", "everybody", "own"}


def names(user: Any) -> set[str]:
    return set(user.groups.values_list("name", flat=True))


@pytest.mark.usefixtures("site")
def test_uin_13_missing_claim_changes_nothing() -> None:
    sign_in(is_admin="true", name="Elena", email="admin@company.example")
    user = sign_in()
    assert (user.is_staff, user.is_superuser) == (True, True)
    assert (user.first_name, user.email) == ("Elena", "admin@company.example")


@pytest.mark.usefixtures("site")
def test_profile_follows_the_claims() -> None:
    user = sign_in(name="Мария Анна Иванова", email="maria@company.example")
    assert (user.first_name, user.last_name) == ("Мария", "Анна Иванова")
    assert user.email == "maria@company.example"

    user = sign_in(name="Maria", email="other@company.example")
    assert (user.first_name, user.last_name) == ("Maria", "")
    assert user.email == "other@company.example"


@pytest.mark.parametrize(
    ("longest", "characters", "fits"),
    [
        (254, 254, True),
        (254, 255, False),
        (30, 30, True),
        (30, 31, False),
        (320, 270, True),
        (None, 270, True),
    ],
)
@pytest.mark.usefixtures("site")
def test_email_fits_the_field_or_is_left_out(
    monkeypatch: pytest.MonkeyPatch, longest: int | None, characters: int, fits: bool
) -> None:
    """A database that looks at lengths would refuse the whole user."""
    monkeypatch.setattr(User._meta.get_field("email"), "max_length", longest)
    email = "m" * 20 + "@" + (".".join(["x" * 60] * 5))[: characters - 24] + ".bg"
    assert len(email) == characters

    user = sign_in(name="Maria", email=email)

    assert user.email == (email if fits else "")
    assert user.first_name == "Maria"


@pytest.mark.usefixtures("site")
def test_email_that_is_the_username_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a user model of the site's own; it is by that name that the site knows them."""
    sign_in(email="maria@company.example")
    monkeypatch.setattr(User, "USERNAME_FIELD", "email")

    user = sign_in(name="Maria", email="other@company.example")

    assert (user.first_name, user.email) == ("Maria", "maria@company.example")


@pytest.mark.usefixtures("site")
def test_sign_in_that_changes_nothing_writes_nothing(
    django_assert_num_queries: Callable[..., Any],
) -> None:
    claims = {"name": "Maria Ivanova", "email": "m@company.example", "is_admin": "true"}
    sign_in(**claims)

    with django_assert_num_queries(1):
        sign_in(**claims)


@pytest.fixture
def unique_email(transactional_db: None) -> Iterator[None]:
    """As in a user model of the site's own."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNIQUE INDEX one_email ON auth_user (email)")
    yield
    User.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_email")


@pytest.mark.usefixtures("unique_email", "site")
def test_email_of_another_user_does_not_stop_a_known_visitor() -> None:
    sign_in(name="Maria Ivanova", email="maria@company.example", is_admin="true")
    User.objects.create_user("local", "taken@company.example")

    user = sign_in(name="Maria Petrova", email="taken@company.example", is_admin="false")

    user.refresh_from_db()
    assert user.email == "maria@company.example"
    assert user.last_name == "Petrova"
    assert not user.is_staff


@pytest.mark.usefixtures("unique_email")
def test_email_of_another_user_keeps_a_new_visitor_out(
    visitor: Visitor, instance: Instance, caplog: pytest.LogCaptureFixture
) -> None:
    User.objects.create_user("other", "maria@company.example")
    attempt = begin(visitor, instance)
    response = attempt.bring()
    attempt.assert_refused(response, "email_taken", status=403, token_requests=1)
    assert "Another account on this site already uses your e-mail address." in response.text
    assert "sub='maria', cure='link that user by LINK_USERS_BY, or" in caplog.text


def test_name_of_another_user_keeps_a_new_visitor_out(
    visitor: Visitor, instance: Instance, settings: Any
) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.OneName"]
    User.objects.create_user("the only one")
    attempt = begin(visitor, instance)
    response = attempt.bring()
    attempt.assert_refused(response, "account_conflict", status=403, token_requests=1)
    assert "because it conflicts with an existing one. Ask the people" in response.text


class OneName(InstanceIDBackend):
    def get_username(self, claims: Any) -> str:
        return "the only one"


@pytest.mark.usefixtures("site")
def test_lets_nobody_in_by_password_sync_or_async(settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = ["erpnet_instanceid.backends.InstanceIDBackend"]
    User.objects.create_user("local", password="x")
    request = RequestFactory().get("/")
    assert authenticate(request, username="local", password="x") is None
    assert async_to_sync(aauthenticate)(request, username="local", password="x") is None


def test_sets_only_flags_that_the_user_model_has(site: Configure) -> None:
    site(ADMIN_FLAGS=["is_staff", "is_wizard"])
    user = sign_in(is_admin="true")
    assert user.is_staff
    assert not hasattr(user, "is_wizard")


# The methods that a site may override


class Recorder(InstanceIDBackend):
    """Notes each call with its claims, and then does as the app does."""

    calls: list[str] = []

    def get_userinfo(self, access_token: str, id_token: str, payload: Any) -> dict[str, Any]:
        assert (access_token, id_token) == ("opaque", "id token")
        self.calls.append("get_userinfo")
        return {**super().get_userinfo(access_token, id_token, payload), "department": "sales"}

    def verify_claims(self, claims: Any) -> bool:
        self._note("verify_claims", claims)
        return bool(super().verify_claims(claims))

    def filter_users_by_claims(self, claims: Any) -> Any:
        self._note("filter_users_by_claims", claims)
        return super().filter_users_by_claims(claims)

    def get_username(self, claims: Any) -> str:
        self._note("get_username", claims)
        return f"{claims['department']}-{super().get_username(claims)}"

    def create_user(self, claims: Any) -> Any:
        self._note("create_user", claims)
        return super().create_user(claims)

    def update_user(self, user: Any, claims: Any) -> Any:
        self._note("update_user", claims)
        assert isinstance(user, User)
        return super().update_user(user, claims)

    def _note(self, name: str, claims: Any) -> None:
        assert claims["department"] == "sales"
        assert self.request.path == "/"
        assert self.get_settings("OIDC_RP_CLIENT_ID")
        self.calls.append(name)


@pytest.fixture
def backend(settings: Any, site: Configure) -> Callable[..., None]:
    def use(backend_class: type[InstanceIDBackend]) -> None:
        settings.AUTHENTICATION_BACKENDS = [f"{__name__}.{backend_class.__qualname__}"]

    return use


def test_overrides_are_called_as_in_mozilla_django_oidc(
    backend: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend(Recorder)
    first = ["get_userinfo", "verify_claims", "filter_users_by_claims"]

    monkeypatch.setattr(Recorder, "calls", [])
    user = sign_in()
    assert Recorder.calls == [*first, "create_user", "get_username"]
    assert user.username == "sales-maria"

    monkeypatch.setattr(Recorder, "calls", [])
    assert sign_in() == user
    assert Recorder.calls == [*first, "update_user"]


class ByDepartment(InstanceIDBackend):
    """Written for mozilla-django-oidc: finds, makes and updates users by itself."""

    def get_userinfo(self, access_token: str, id_token: str, payload: Any) -> dict[str, Any]:
        return {"user_type": "InternalUser", "nickname": "Masha"}

    def filter_users_by_claims(self, claims: Any) -> Any:
        return self.UserModel.objects.filter(first_name=claims["nickname"])

    def create_user(self, claims: Any) -> Any:
        return self.UserModel.objects.create_user("made", first_name=claims["nickname"])

    def update_user(self, user: Any, claims: Any) -> Any:
        user.last_name = "updated"
        user.save()
        return user


def test_overrides_may_do_it_all_by_themselves(backend: Callable[..., None]) -> None:
    backend(ByDepartment)

    user = sign_in("maria")
    assert (user.username, user.last_name) == ("made", "")
    assert (Account.objects.get().sub, Account.objects.get().user) == ("maria", user)

    again = sign_in("maria")
    assert (again, again.last_name) == (user, "updated")
    assert Account.objects.count() == 1

    # Two people become one user if the site's override says so.
    assert sign_in("admin") == user
    assert Account.objects.count() == 2


def test_id_token_names_the_user(backend: Callable[..., None]) -> None:
    backend(Impostor)

    sign_in("maria")

    account = Account.objects.get()
    assert (account.issuer, account.sub) == (ISSUER, "maria")


class Impostor(InstanceIDBackend):
    def get_userinfo(self, access_token: str, id_token: str, payload: Any) -> dict[str, Any]:
        return {"user_type": "InternalUser", "sub": "admin", "iss": "https://evil.test/id"}


class Choosy(InstanceIDBackend):
    def verify_claims(self, claims: Any) -> bool:
        return claims.get("email") is not None


def test_claims_refused_by_the_site_keep_the_visitor_out(
    visitor: Visitor, instance: Instance, settings: Any
) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Choosy"]
    instance.people["maria"].email = None  # type: ignore[assignment]
    begin(visitor, instance).assert_denied("claims_refused")
    instance.people["maria"].email = "maria@company.example"
    begin(visitor, instance).assert_signed_in()


class Passer(InstanceIDBackend):
    def authenticate(self, request: Any, **credentials: Any) -> None:
        return None


def test_backend_that_passes_keeps_the_visitor_out(
    visitor: Visitor, instance: Instance, settings: Any
) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Passer"]
    begin(visitor, instance).assert_denied("no_user")


class Fetching(InstanceIDBackend):
    """Hands out another object than the one that the account was put on."""

    def get_or_create_user(self, *args: Any) -> Any:
        return self.UserModel.objects.get(pk=super().get_or_create_user(*args).pk)


def test_account_is_found_for_a_user_object_of_the_site(
    visitor: Visitor, instance: Instance, settings: Any
) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Fetching"]
    begin(visitor, instance).assert_signed_in()

    assert SignIn.objects.get().account == Account.objects.get()


class Overtaken(InstanceIDBackend):
    """Another person of the same login name signs in while this one does."""

    def filter_users_by_claims(self, claims: Any) -> Any:
        found = super().filter_users_by_claims(claims)
        if claims.get("id") == "first" and not Account.objects.filter(key="second").exists():
            sign_in("maria", id="second", is_admin="true")
        return found


def test_account_of_a_reused_name_is_taken_once(backend: Callable[..., None]) -> None:
    backend(Overtaken)
    user = sign_in("maria")

    first = sign_in("maria", id="first")

    assert Account.objects.get(key="second").user == user
    assert first != user
    assert not first.is_superuser


class Nobody(InstanceIDBackend):
    def create_user(self, claims: Any) -> None:
        return None


def test_site_that_makes_no_user_lets_nobody_in(backend: Callable[..., None]) -> None:
    backend(Nobody)

    assert denied() == "unknown_user"
    assert not Account.objects.exists()
