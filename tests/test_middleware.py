"""`TokenRefreshMiddleware`: when it renews, when it signs out, and at which cost."""

import time
from datetime import timedelta

import pytest
from asgiref.sync import markcoroutinefunction, sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.http import HttpResponse, HttpResponseRedirect
from django.test import AsyncClient, Client
from django.urls import path
from django.utils import timezone

from erpnet_instanceid import middleware
from erpnet_instanceid.api import user_api
from erpnet_instanceid.errors import SignInExpired
from erpnet_instanceid.models import SignIn
from erpnet_instanceid.tokens.engine import delete_session

from .support.ageing import older_by, refreshes
from .support.processes import Process

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.usefixtures("instance")
def test_user_of_another_backend_stays_signed_in(client):
    client.force_login(
        get_user_model().objects.create_user("local"), "django.contrib.auth.backends.ModelBackend"
    )
    client.get("/basket?add=tea")
    assert client.get("/api").status_code == 302
    who = client.get("/whoami").json()
    assert (who["user"], who["basket"]) == ("local", ["tea"])


def call_instance(request):
    return HttpResponse(user_api(request).get("Crm_Sales_Customers"))


class URLsOfAnotherHost:
    """A site may have a URLconf for each host, and the app's URLs in one of them."""

    urlpatterns = (
        path("form", lambda _request: HttpResponseRedirect("/thanks")),
        path("customers", call_instance),
    )


@pytest.mark.usefixtures("instance")
def test_host_without_the_apps_urls(client, settings):
    settings.ROOT_URLCONF = URLsOfAnotherHost
    assert client.post("/form").headers["Location"] == "/thanks"
    with pytest.raises(SignInExpired):
        client.get("/customers")


def write_back(client, held):
    """Writes an older session back, as a slow request does at its end."""
    session = client.session
    session["erpnet_instanceid"] = held
    session.save()


def end_sign_in(client):
    """Ends the sign-in without a notice: the site learns of it when the token has expired."""
    SignIn.objects.update(ended=timezone.now())
    held = client.session["erpnet_instanceid"]
    write_back(client, older_by(held["expires_at"] - time.time() + 1, held))


@pytest.fixture(params=[Client, AsyncClient], ids=["sync", "async"])
def new_process(request, client):
    """Starts a process of the site, on either path of the middleware, for the browser of
    ``client``."""
    return lambda: Process(client, request.param)


@pytest.fixture
def process(new_process):
    return new_process()


@pytest.fixture
def get(process):
    return process.get


class LooksAtUserFirst:
    """A middleware of the site that asks who is there before the tokens are looked at."""

    sync_capable = False
    async_capable = True

    def __init__(self, get_response):
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request):
        await request.auser()
        await sync_to_async(bool)(request.user)
        return await self.get_response(request)


@pytest.fixture
def looks_first(settings):
    *others, ours = settings.MIDDLEWARE
    settings.MIDDLEWARE = [*others, f"{__name__}.LooksAtUserFirst", ours]


@pytest.mark.usefixtures("looks_first")
def test_page_that_renews_knows_the_rights_of_now(client, instance, instance_sign_in, get):
    instance.change("token_answer", lambda answer: answer.update(expires_in=0), times=1)
    instance_sign_in(client, "admin")
    instance.people["admin"].is_admin = False
    assert get("/admin/").status_code == 403


@pytest.mark.usefixtures("looks_first")
def test_async_view_sees_nobody_whose_sign_in_has_ended(maria):
    end_sign_in(maria)
    assert Process(maria, AsyncClient).get("/async/whoami").json()["user"] == ""


def test_form_is_kept_for_the_user_whose_sign_in_has_ended(maria, instance_sign_in, process):
    end_sign_in(maria)
    response = process.post("/private", {"text": "for maria alone"})
    assert response.headers["Location"] == "/signin?next=%2Fsignin-resume"

    instance_sign_in(maria, "maria")
    assert "for maria alone" in maria.get("/signin-resume").text
    # Once it has been sent, it is gone.
    assert process.post("/private", {"text": "for maria alone"}).status_code == 200
    assert maria.get("/signin-resume").status_code == 410


def test_form_of_somebody_signed_in_is_theirs(maria, instance_sign_in):
    """The page sends them away for want of a right, and another person may sign in here next."""
    response = maria.post("/permitted", {"text": "for maria alone"})
    assert response["Location"] == "/signin?next=%2Fsignin-resume"
    assert "for maria alone" in maria.get("/signin-resume").text
    instance_sign_in(maria, "admin", next="/signin-resume")
    assert maria.get("/signin-resume").status_code == 410


# When tokens are renewed, and who waits for that


@pytest.fixture
def generation(new_process):
    """Which tokens a page finds on the session, each time in another process."""
    return lambda: new_process().get("/async/whoami").json()["generation"]


def test_valid_token_is_used_while_another_request_renews(maria, instance, later, generation):
    later(3500)
    SignIn.objects.update(leased_until=timezone.now() + timedelta(seconds=8))
    started = time.monotonic()
    assert generation() == 1
    assert time.monotonic() - started < 5
    assert len(refreshes(instance)) == 0


def test_waiting_request_takes_over_when_the_lease_ends(maria, instance, later, generation):
    """As after a process that died with it."""
    later(3700)
    SignIn.objects.update(leased_until=timezone.now() + timedelta(seconds=1))
    assert generation() == 2
    assert len(refreshes(instance)) == 1
    assert SignIn.objects.get().leased_until is None


def test_page_goes_on_where_the_instance_is_away(maria, instance, later, generation):
    later(3700)
    instance.next_token_answer(status=503)
    assert generation() == 1
    assert len(refreshes(instance)) == 1


# Its cost with fresh tokens, and the changes that it sees all the same


def test_page_without_session_costs_no_query_with_fresh_tokens(
    maria, get, django_assert_num_queries
):
    for queries in (1, 0, 0):
        with django_assert_num_queries(queries):
            page = get("/plain")
        assert "Cookie" not in page.headers.get("Vary", "")


@pytest.mark.usefixtures("instance")
def test_session_without_tokens_is_looked_at_once(client, django_assert_num_queries):
    user = get_user_model().objects.create_user("local")
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    for queries in (1, 0):
        with django_assert_num_queries(queries):
            client.get("/plain")


def test_page_without_session_renews_when_the_tokens_are_due(maria, instance, get, later):
    for seconds, expected in ((0, 0), (3200, 0), (3400, 1), (6400, 1), (6800, 2)):
        later(seconds)
        get("/plain")
        assert len(refreshes(instance)) == expected


def test_call_takes_the_newest_tokens_after_a_write_back(maria, instance, get, later):
    older = maria.session["erpnet_instanceid"]
    later(3700)
    assert get("/whoami").json()["generation"] == 2
    write_back(maria, older)
    assert get("/plain").status_code == 200
    assert get("/api").json() == {"customers": 1}
    assert get("/whoami").json()["generation"] == 2
    assert len(refreshes(instance)) == 1
    assert instance.refresh_tokens_refused == 0


def test_page_that_finds_older_tokens_has_them_seen_to(maria, instance, get, later):
    """At the next request, as they were not looked at before this one."""
    older = maria.session["erpnet_instanceid"]
    later(3700)
    get("/whoami")
    write_back(maria, older)
    assert [get("/whoami").json()["generation"] for _ in range(3)] == [1, 2, 2]
    write_back(maria, older)
    SignIn.objects.update(ended=timezone.now(), tokens="")
    assert [get("/whoami").json()["user"] for _ in range(2)] == ["maria", ""]
    assert len(refreshes(instance)) == 1


@pytest.fixture
def send(maria, settings):
    """Sends a form to a process that knows the session, and has a part that needs none."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.AnswersByHeader"]
    process = Process(maria)

    def post(answer):
        for _ in range(2):
            assert process.get("/plain").status_code == 200
        return process.post("/private", {"text": "x"}, headers={"X-Answer": answer})

    return post


@pytest.mark.parametrize("signs_in_again", [False, True])
def test_kept_form_is_forgotten_by_the_page_that_takes_it(
    maria, send, instance_sign_in, signs_in_again
):
    """Also by one that does without the session: it must not be offered, and sent, twice."""
    assert send("sign-in")["Location"] == "/signin?next=%2Fsignin-resume"
    if signs_in_again:
        instance_sign_in(maria, "maria")
    assert "erpnet_instanceid_form" in maria.session
    assert send("done").content == b"done"
    assert "erpnet_instanceid_form" not in maria.session


def test_form_of_nobody_is_not_kept_where_their_session_is_gone(maria, send):
    """No session is made for it either."""
    delete_session(maria.cookies["sessionid"].value)
    assert send("nobody").status_code == 401
    assert Session.objects.count() == 0


class AnswersByHeader:
    """A part of the site that knows its visitors by other means than the session."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, *_args):
        answer = request.headers.get("X-Answer")
        if answer == "nobody":
            request.user = AnonymousUser()
        if answer in ("sign-in", "nobody"):
            return redirect_to_login(request.get_full_path())
        return HttpResponse(answer) if answer else None


def test_page_does_without_a_session_engine_that_is_away(maria, get, monkeypatch):
    def fail(_self):
        raise OSError("the database is away")

    monkeypatch.setattr(SessionStore, "_get_session_from_db", fail)
    monkeypatch.setattr(SessionStore, "_aget_session_from_db", fail)
    response = get("/plain")
    assert response.status_code == 200
    assert "Cookie" not in response.get("Vary", "")
    assert "sessionid" not in response.cookies


def test_async_page_sees_the_user_with_a_loaded_session(client, instance_sign_in, get):
    assert get("/async/identity").json() == {}
    instance_sign_in(client, "maria")
    for _ in range(2):
        assert get("/async/identity").json()["sub"] == "maria"


def test_number_of_remembered_sessions_is_bounded(
    client, instance_sign_in, get, monkeypatch, django_assert_num_queries
):
    """A session that was displaced costs one more look."""
    monkeypatch.setattr(middleware, "MAX_REMEMBERED", 1)
    cookies = []
    for login in ("maria", "ivan"):
        client.cookies.clear()
        instance_sign_in(client, login)
        cookies.append(client.cookies["sessionid"].value)
    for number, queries in ((0, 1), (0, 0), (1, 1), (1, 0), (0, 1)):
        client.cookies["sessionid"] = cookies[number]
        with django_assert_num_queries(queries):
            get("/plain")


@pytest.mark.parametrize("has_ended", [False, True])
def test_row_follows_a_changed_session_key_unless_it_ended(maria, get, has_ended):
    """The notice has looked for the session under the key before."""
    if has_ended:
        SignIn.objects.update(ended=timezone.now(), tokens="")
    get("/cycle")
    if has_ended:
        assert get("/whoami").json()["user"] == ""
        return
    key = get("/whoami").json()["session"]
    assert SignIn.objects.get().session_key == key
    # And is told once, not in every request from then on.
    assert maria.session["erpnet_instanceid"]["session_key"] == key


class RotatesKeysOnTheWayOut:
    """A middleware of the site, further out, that gives a session another key."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if "rotate" in request.GET:
            request.session.cycle_key()
        return response


def test_row_follows_a_key_that_was_changed_behind_a_request(maria, get, settings):
    sessions = "django.contrib.sessions.middleware.SessionMiddleware"
    at = settings.MIDDLEWARE.index(sessions) + 1
    rotates = f"{__name__}.RotatesKeysOnTheWayOut"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:at], rotates, *settings.MIDDLEWARE[at:]]
    before = get("/whoami?rotate=1").json()["session"]
    key = get("/whoami").json()["session"]
    assert key != before
    assert SignIn.objects.get().session_key == key


@pytest.mark.usefixtures("instance")
def test_form_that_has_been_carried_out_is_not_kept(client):
    """The view wants a sign-in for another page: to send the form again would do it twice."""
    client.get("/basket?add=tea")
    response = client.post("/terms", {"accept": "yes"})
    assert response.headers["Location"] == "/signin?next=/private"
    assert client.session["terms"] == 1
    assert "erpnet_instanceid_form" not in client.session
