"""What `TokenRefreshMiddleware` makes of sessions that are odd, and of stores that refuse."""

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache.backends.locmem import LocMemCache
from django.test import AsyncClient, Client

from erpnet_instanceid.models import SignIn

from .support.ageing import older_by
from .support.processes import Process
from .support.refusing import is_write, refusing

ENTRY = "erpnet_instanceid"

pytestmark = pytest.mark.django_db(transaction=True)


def put(client, entry):
    session = client.session
    session[ENTRY] = entry
    session.save()


def make_due(client, seconds=3700):
    """Lets the tokens on the session be over."""
    put(client, older_by(seconds, client.session[ENTRY]))


ODD = [
    {"v": 99},
    {"v": 1, "sign_in": "x"},
    "text",
    {"renew_at": "soon"},
    {"expires_at": None, "renew_at": 0},
    {"sign_in": "not a UUID", "renew_at": 0},
    {"authenticated_at": "maria"},
    {"access_token": 7},
]


@pytest.mark.parametrize("path", ["/plain", "/signin", "/api", "/async/identity", "/signout"])
def test_odd_entry_signs_out_and_breaks_no_page(client, instance_sign_in, path):
    """Another version of this app wrote it."""
    for odd in ODD:
        instance_sign_in(client, "maria")
        whole = client.session[ENTRY]
        is_part = isinstance(odd, dict) and "v" not in odd
        put(client, {**whole, **odd} if is_part else odd)
        other = Process(client)
        for _ in range(2):
            response = other.post(path) if path == "/signout" else other.get(path)
            assert response.status_code in (200, 302), odd
        if path in ("/plain", "/api"):
            assert other.get("/whoami").json()["user"] == "", odd


class AwayCache(LocMemCache):
    """A cache whose server can go away."""

    is_away = False

    def make_and_validate_key(self, *args, **kwargs):
        if AwayCache.is_away:
            raise ConnectionError
        return super().make_and_validate_key(*args, **kwargs)


@pytest.fixture
def cache_engine(settings, monkeypatch):
    """Sessions in a cache; Django takes one that is away for a session that is gone."""
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.AwayCache"}}
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    monkeypatch.setattr(AwayCache, "is_away", False)
    return AwayCache


@pytest.mark.parametrize("client_class", [Client, AsyncClient])
def test_page_keeps_the_cookie_while_the_cache_is_away(cache_engine, maria, client_class):
    process = Process(maria, client_class)
    cache_engine.is_away = True
    response = process.get("/plain")
    assert response.status_code == 200
    assert "sessionid" not in response.cookies
    assert "Cookie" not in response.get("Vary", "")
    cache_engine.is_away = False
    assert process.get("/async/whoami").json()["user"] == "maria"


def test_new_session_key_waits_for_a_database_that_refuses(cache_engine, maria):
    with refusing(is_write):
        assert maria.get("/cycle").status_code == 200
    key = maria.get("/whoami").json()["session"]
    assert SignIn.objects.get().session_key == key


@pytest.mark.parametrize("method", ["exists", "delete"])
def test_ended_visitor_is_anonymous_though_the_engine_fails(maria, monkeypatch, method):
    make_due(maria)
    SignIn.objects.all().delete()

    def fail(_self, *_args):
        raise ConnectionError

    monkeypatch.setattr(SessionStore, method, fail)
    assert Process(maria).get("/whoami").json()["user"] == ""


@pytest.mark.parametrize("refused", ["INSERT", ("INSERT", "DELETE"), 'SELECT "auth_user"'])
def test_ended_visitor_meets_a_database_that_refuses(maria, refused):
    make_due(maria)
    SignIn.objects.all().delete()
    maria.cookies["csrftoken"] = "x" * 32  # The new session remembers it, for their open tabs.
    with refusing(lambda sql: sql.startswith(refused)):
        assert Process(maria).get("/plain").status_code == 200


class Around:
    """An object of the site's around a session."""

    def __init__(self, inner):
        vars(self)["inner"] = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def __setattr__(self, name, value):
        setattr(self.inner, name, value)

    def __contains__(self, key):
        return key in self.inner

    def __getitem__(self, key):
        return self.inner[key]

    def __setitem__(self, key, value):
        self.inner[key] = value


def own_sessions(get_response):
    """A middleware of the site's: a page that uses no session gets none."""

    def answer(request):
        request.session = {} if request.path == "/plain" else Around(request.session)
        return get_response(request)

    return answer


def test_site_may_have_sessions_of_its_own_kind(client, instance_sign_in, settings):
    first, others = settings.MIDDLEWARE[:2], settings.MIDDLEWARE[2:]
    settings.MIDDLEWARE = [*first, f"{__name__}.own_sessions", *others]
    instance_sign_in(client, "maria")
    make_due(client)
    assert client.get("/plain").status_code == 200
    assert client.get("/whoami").json()["user"] == "maria"
    SignIn.objects.all().delete()
    make_due(client)
    assert Process(client).get("/whoami").json()["user"] == ""


def test_visitor_signs_out_though_the_session_cannot_be_read(maria, monkeypatch):
    def fail(_self):
        raise ConnectionError

    monkeypatch.setattr(SessionStore, "load", fail)
    response = maria.post("/signout")
    assert response.status_code == 302
    assert response.cookies["sessionid"].value == ""


@pytest.mark.parametrize("engine", ["db", "cache"])
def test_read_only_database_breaks_no_page_and_no_sign_out(
    settings, client, instance_sign_in, engine
):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    instance_sign_in(client, "maria")
    make_due(client, 3500)
    with refusing(is_write):
        for path in ("/plain", "/whoami", "/api"):
            assert Process(client).get(path).status_code == 200
        response = client.post("/signout")
    assert response.status_code == 302
    assert response.cookies["sessionid"].value == ""
