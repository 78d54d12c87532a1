"""`InstanceIDBackend`: what keeps a visitor out, and the methods to override."""

import functools

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import aauthenticate, authenticate, get_user_model
from django.db import connection
from django.test import RequestFactory

from erpnet_instanceid.backends import InstanceIDBackend
from erpnet_instanceid.models import Account, SignIn

from .support.backend import ISSUER, denied, sign_in
from .support.outcomes import begin

User = get_user_model()


@pytest.mark.usefixtures("site")
def test_uin_13_missing_claim_changes_nothing():
    sign_in(is_admin="true", name="Elena", email="admin@company.example")
    user = sign_in()
    assert (user.is_staff, user.is_superuser) == (True, True)
    assert (user.first_name, user.email) == ("Elena", "admin@company.example")


@pytest.mark.usefixtures("site")
def test_sign_in_that_changes_nothing_writes_nothing(django_assert_num_queries):
    claims = {"name": "Maria Ivanova", "email": "m@company.example", "is_admin": "true"}
    assert not sign_in(**claims).has_usable_password()

    with django_assert_num_queries(1):
        sign_in(**claims)


@pytest.fixture
def unique_email(transactional_db):
    """As in a user model of the site's own."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNIQUE INDEX one_email ON auth_user (email)")
    yield
    User.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_email")


@pytest.mark.usefixtures("unique_email", "site")
def test_email_of_another_user_does_not_stop_a_known_visitor():
    sign_in(name="Maria Ivanova", email="maria@company.example", is_admin="true")
    User.objects.create_user("local", "taken@company.example")

    user = sign_in(name="Maria Petrova", email="taken@company.example", is_admin="false")

    user.refresh_from_db()
    assert user.email == "maria@company.example"
    assert user.last_name == "Petrova"
    assert not user.is_staff


@pytest.mark.usefixtures("unique_email", "site")
def test_email_of_another_user_keeps_a_new_visitor_out():
    User.objects.create_user("other", "maria@company.example")
    assert denied(email="maria@company.example") == "email_taken"
    # Of people without an address, one gets a user.
    assert sign_in("one")
    assert denied("another") == "user_not_saved"


class OneName(InstanceIDBackend):
    def get_username(self, claims):
        return "the only one"


def test_name_of_another_user_keeps_a_new_visitor_out(visitor, instance, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.OneName"]
    User.objects.create_user("the only one")
    attempt = begin(visitor, instance)
    response = attempt.bring()
    attempt.assert_refused(response, "account_conflict", status=403, token_requests=1)
    assert "because it conflicts with an existing one. Ask the people" in response.text


def test_user_who_does_not_pass_their_own_model_gets_a_page(visitor, monkeypatch):
    """Django saves ``last_login``, and the model's save() cleans the whole user."""
    visitor.sign_in()
    User.objects.update(username="with a blank")
    visitor.post("/signout")
    save = User.save

    def clean_and_save(user, **kwargs):
        user.full_clean()
        save(user, **kwargs)

    monkeypatch.setattr(User, "save", clean_and_save)
    response = visitor.sign_in()
    assert response.status_code == 403
    assert "user_not_saved" in response.text
    assert visitor.whoami()["user"] == ""
    assert SignIn.objects.filter(ended=None).count() == 0


@pytest.mark.usefixtures("site")
def test_hyg_04_lets_nobody_in_by_password_sync_or_async(settings):
    settings.AUTHENTICATION_BACKENDS = ["erpnet_instanceid.backends.InstanceIDBackend"]
    User.objects.create_user("local", password="x")
    request = RequestFactory().get("/")
    assert authenticate(request, username="local", password="x") is None
    assert async_to_sync(aauthenticate)(request, username="local", password="x") is None


# The methods that a site may override


def noted(method):
    """Notes the call, and then does as the app does."""

    @functools.wraps(method)
    def note(self, *arguments):
        *user, claims = arguments
        assert all(isinstance(each, User) for each in user)
        assert claims["department"] == "sales"
        assert self.request.path == "/"
        assert self.get_settings("OIDC_RP_CLIENT_ID")
        self.calls.append(method.__name__)
        return method(self, *arguments)

    return note


class Recorder(InstanceIDBackend):
    calls = []
    verify_claims = noted(InstanceIDBackend.verify_claims)
    filter_users_by_claims = noted(InstanceIDBackend.filter_users_by_claims)
    create_user = noted(InstanceIDBackend.create_user)
    update_user = noted(InstanceIDBackend.update_user)

    def get_userinfo(self, access_token, id_token, payload):
        assert (access_token, id_token) == ("opaque", "id token")
        self.calls.append("get_userinfo")
        return {**super().get_userinfo(access_token, id_token, payload), "department": "sales"}

    @noted
    def get_username(self, claims):
        return f"{claims['department']}-{super().get_username(claims)}"


@pytest.fixture
def backend(settings, site):
    def use(backend_class):
        settings.AUTHENTICATION_BACKENDS = [f"{__name__}.{backend_class.__qualname__}"]

    return use


def test_overrides_are_called_as_in_mozilla_django_oidc(backend, monkeypatch):
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

    def get_userinfo(self, access_token, id_token, payload):
        return {"user_type": "InternalUser", "nickname": "Masha"}

    def filter_users_by_claims(self, claims):
        return self.UserModel.objects.filter(first_name=claims["nickname"])

    def create_user(self, claims):
        return self.UserModel.objects.create_user("made", first_name=claims["nickname"])

    def update_user(self, user, claims):
        user.last_name = "updated"
        user.save()
        return user


def test_overrides_may_do_it_all_by_themselves(backend):
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


def test_id_token_names_the_user(backend):
    backend(Impostor)

    sign_in("maria")

    account = Account.objects.get()
    assert (account.issuer, account.sub) == (ISSUER, "maria")


class Impostor(InstanceIDBackend):
    def get_userinfo(self, access_token, id_token, payload):
        return {"user_type": "InternalUser", "sub": "admin", "iss": "https://evil.test/id"}


class Choosy(InstanceIDBackend):
    def verify_claims(self, claims):
        return claims.get("email") is not None


def test_claims_refused_by_the_site_keep_the_visitor_out(backend):
    backend(Choosy)
    assert denied() == "claims_refused"
    assert sign_in(email="maria@company.example")


class Passer(InstanceIDBackend):
    def authenticate(self, request, **credentials):
        return None


def test_backend_that_passes_keeps_the_visitor_out(visitor, instance, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Passer"]
    begin(visitor, instance).assert_denied("no_user")


class Fetching(InstanceIDBackend):
    """Hands out another object than the one that the account was put on."""

    def get_or_create_user(self, *args):
        return self.UserModel.objects.get(pk=super().get_or_create_user(*args).pk)


def test_account_is_found_for_a_user_object_of_the_site(visitor, instance, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Fetching"]
    begin(visitor, instance).assert_signed_in()

    assert SignIn.objects.get().account == Account.objects.get()


class Overtaken(InstanceIDBackend):
    """Another person of the same login name signs in while this one does."""

    def filter_users_by_claims(self, claims):
        found = super().filter_users_by_claims(claims)
        if claims.get("id") == "first" and not Account.objects.filter(key="second").exists():
            sign_in("maria", id="second", is_admin="true")
        return found


def test_account_of_a_reused_name_is_taken_once(backend):
    backend(Overtaken)
    user = sign_in("maria")

    first = sign_in("maria", id="first")

    assert Account.objects.get(key="second").user == user
    assert first != user
    assert not first.is_superuser


class Overtaking(InstanceIDBackend):
    """Another person with the same address signs in while this one does."""

    def filter_users_by_claims(self, claims):
        found = super().filter_users_by_claims(claims)
        if claims["sub"] == "slow":
            sign_in("quick", email=claims["email"], email_verified="true")
        return found


def test_local_user_is_taken_over_once(backend, site):
    backend(Overtaking)
    site(LINK_USERS_BY="email")
    local = User.objects.create_user("local", "shared@company.example")

    assert sign_in("slow", email=local.email, email_verified="true") != local

    assert Account.objects.get(user=local).sub == "quick"


class Nobody(InstanceIDBackend):
    def create_user(self, claims):
        return None


class BehindReplica(InstanceIDBackend):
    """A site that reads users from a replica, which does not have the new ones yet."""

    reads_from = None

    def get_user(self, user_id):
        type(self).reads_from = "replica"

    def db_for_read(self, model, **_hints):
        return type(self).reads_from


def test_new_user_need_not_be_on_a_replica_yet(backend, settings, monkeypatch):
    backend(BehindReplica)
    monkeypatch.setattr(BehindReplica, "reads_from", None)
    settings.DATABASE_ROUTERS = [f"{__name__}.BehindReplica"]
    assert sign_in().username == "maria"


def test_site_that_makes_no_user_lets_nobody_in(backend):
    backend(Nobody)

    assert denied() == "unknown_user"
    assert not Account.objects.exists()
