"""Somebody acts as another user: impersonation, and a local password over a sign-in."""

from functools import partial
from urllib.parse import urlencode

import pytest
from django.contrib.auth import authenticate, get_user_model, login, logout
from django.contrib.auth.signals import user_logged_in
from django.http import HttpResponse, JsonResponse
from django.urls import include, path
from rest_framework.decorators import api_view, permission_classes
from rest_framework.response import Response

from erpnet_instanceid.models import SignIn
from erpnet_instanceid.session import get_identity, get_tokens
from erpnet_instanceid.signals import signed_in

from ..urls import urlpatterns as pages

User = get_user_model()

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


def become(request, name):
    """A site's own way to act as somebody else, and back."""
    login(request, User.objects.get(username=name), backend=MODEL_BACKEND)
    return HttpResponse(name)


def become_both(request, first, second):
    become(request, first)
    return become(request, second)


def sign_in_locally(request):
    login(request, authenticate(request, username="local", password="secret"))
    return HttpResponse("local")


def switch(request, name):
    logout(request)
    return become(request, name)


def sign_out_locally(request):
    logout(request)
    return HttpResponse("anonymous")


@api_view()
@permission_classes([])
def sign_out_by_framework(request):
    logout(request)
    return Response("anonymous")


def known(request):
    """The visitor's own sign-in, as a page tells it."""
    identity = get_identity(request)
    return JsonResponse(
        {"sub": identity.sub if identity else None, "tokens": get_tokens(request) is not None}
    )


class ShowsAnotherUser:
    """Impersonation by a middleware, as django-impersonate does it: without login()."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.headers.get("X-As"):
            request.user = User.objects.get(username=request.headers["X-As"])
        return self.get_response(request)


urlpatterns = [
    path("become/<name>", become),
    path("become/<first>/<second>", become_both),
    path("switch/<name>", switch),
    path("local", sign_in_locally),
    path("bye", sign_out_locally),
    path("framework/bye", sign_out_by_framework),
    path("known", known),
    path("hijack/", include("hijack.urls")),
    path("loginas/", include("loginas.urls")),
    *pages,
]


@pytest.fixture(autouse=True)
def site(settings):
    settings.ROOT_URLCONF = __name__


@pytest.fixture
def admin(visitor, new_visitor):
    """The administrator has signed in, and Maria has been here."""
    new_visitor().sign_in("maria")
    User.objects.create_user("local", password="secret")
    visitor.sign_in("admin")
    return visitor


@pytest.fixture(params=["own", "hijack", "loginas"])
def go_back(request, admin):
    """The administrator acts as Maria, in a way of the site's own or of a package; goes back."""
    pk = User.objects.get(username="maria").pk
    go, go_back = {
        "own": (partial(admin.get, "/become/maria"), partial(admin.get, "/become/admin")),
        "hijack": (
            partial(admin.post, "/hijack/acquire/", {"user_pk": pk}),
            partial(admin.post, "/hijack/release/"),
        ),
        "loginas": (
            partial(admin.post, f"/loginas/login/user/{pk}/"),
            partial(admin.get, "/loginas/logout/"),
        ),
    }[request.param]
    assert go().ok
    assert admin.whoami()["user"] == "maria"
    return go_back


def row():
    return SignIn.objects.get(account__sub="admin")


def test_sign_in_of_unreadable_tokens_ends_at_a_login(admin):
    SignIn.objects.filter(account__sub="admin").update(tokens="of another key")
    admin.get("/become/maria")
    assert row().ended is not None


@pytest.mark.usefixtures("go_back")
@pytest.mark.parametrize("named_by", ["sub", "sid"])
def test_fld_16_notice_ends_an_impersonation(admin, instance, named_by):
    (session,) = instance.sessions_of("admin")
    token = instance.logout_token(**{named_by: getattr(session, named_by)})
    answer = admin.relay("/backchannel-signout", urlencode({"logout_token": token}))

    assert answer.status_code == 200
    assert admin.whoami()["user"] == ""
    assert row().ended is not None


def test_fld_16_release_brings_the_sign_in_back(admin, instance, go_back):
    assert admin.get("/known").json() == {"sub": None, "tokens": False}
    assert admin.get("/api").headers["Location"].startswith("/signin")
    assert instance.calls("api") == []

    assert go_back().ok

    assert admin.whoami()["user"] == "admin"
    assert admin.get("/known").json() == {"sub": "admin", "tokens": True}
    assert admin.get("/api").status_code == 200
    assert row().session_key == admin.whoami()["session"]


@pytest.mark.usefixtures("go_back")
def test_fld_16_sign_out_reaches_the_instance(admin, instance):
    address = admin.post("/signout").headers["Location"]

    assert address.startswith(f"{instance.issuer}/connect/endsession?id_token_hint=")
    assert (row().ended is None, row().tokens) == (False, "")
    assert admin.whoami()["user"] == ""


@pytest.mark.django_db(transaction=True)
def test_fld_16_user_whom_a_middleware_shows_has_no_tokens(
    client, instance, instance_sign_in, settings
):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.ShowsAnotherUser"]
    instance_sign_in(client, "maria")
    instance_sign_in(client, "admin")
    instance.forget_requests()

    known = client.get("/known", headers={"X-As": "maria"}).json()
    assert known == {"sub": None, "tokens": False}
    assert client.get("/api", headers={"X-As": "maria"}).status_code == 302

    assert instance.calls("api") == []
    assert client.get("/known").json() == {"sub": "admin", "tokens": True}


@pytest.mark.parametrize("address", ["/bye", "/framework/bye"])
def test_fld_16_sign_out_of_django_ends_the_carried_sign_in(admin, address):
    admin.get("/become/maria")
    admin.get(address)
    assert row().ended is not None


def test_fld_16_logout_as_oneself_ends_the_sign_in(admin):
    admin.get("/switch/maria")
    assert row().ended is not None
    assert admin.whoami()["user"] == "maria"


@pytest.mark.parametrize("second", ["local", "admin"])
def test_fld_16_two_logins_in_one_view(admin, second):
    admin.get(f"/become/maria/{second}")
    assert admin.whoami()["user"] == second
    assert admin.get("/known").json()["tokens"] is (second == "admin")
    assert row().session_key == admin.whoami()["session"]


def test_fld_16_sign_in_ends_an_impersonation(admin):
    admin.get("/become/maria")
    admin.sign_in("admin")

    assert admin.whoami()["user"] == "admin"
    assert admin.get("/known").json()["tokens"]
    rows = SignIn.objects.filter(account__sub="admin", ended=None)
    assert [each.session_key for each in rows] == [admin.whoami()["session"]]


@pytest.mark.parametrize("signal", [user_logged_in, signed_in])
@pytest.mark.parametrize(("act", "seen"), [(sign_out_locally, []), (become, ["maria"])])
def test_fld_16_receiver_has_the_last_word(admin, receive, signal, act, seen):
    receive(signal, lambda user, request, **_: str(user) == "admin" and act(request, *seen))
    admin.sign_in("admin")
    assert admin.whoami()["user"] == "".join(seen)
    rows = SignIn.objects.filter(account__sub="admin", ended=None)
    assert [each.session_key for each in rows] == [admin.whoami()["session"] for _ in seen]


def test_local_sign_in_without_another_one_keeps_the_session(visitor, new_visitor):
    new_visitor().sign_in("maria")
    User.objects.create_user("local", password="secret")
    visitor.get("/basket?add=tea")
    visitor.get("/local")
    assert visitor.whoami()["user"] == "local"
    assert visitor.whoami()["basket"] == ["tea"]
    assert visitor.get("/known").json() == {"sub": None, "tokens": False}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("engine", ["db", "cached_db", "cache", "file"])
def test_receiver_adds_to_a_stored_session(client, instance_sign_in, settings, receive, engine):
    """The session is stored once, before the signal; what comes later is stored as well."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"

    def add(*, request, **_):
        stored = [request.session.session_key, request.session.exists(request.session.session_key)]
        # The cache stores any object.
        request.session["stored"] = set(stored) if engine == "cache" else stored

    receive(user_logged_in, add)
    for login_name in ("maria", "maria", "admin"):
        instance_sign_in(client, login_name)
        assert set(client.session["stored"]) == {client.session.session_key, True}
    assert client.get("/private").status_code == 200
