"""The cost of a sign-in for the site: database statements and calls to the instance."""

import re
from collections import Counter
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import include, path

from erpnet_instanceid import urls
from erpnet_instanceid.models import SignIn
from erpnet_instanceid.views.callback import SignInCallbackView

from ..support.visitor import FORM

pytestmark = pytest.mark.django_db(transaction=True)

MOST_OF_A_CALLBACK = 5
TRANSACTION = re.compile(r"(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE SAVEPOINT)\b", re.IGNORECASE)


class Cost(NamedTuple):
    """Statements, transaction boundaries apart, and calls to the instance."""

    statements: list
    transactions: list
    calls: Counter


NOTHING = Cost([], [], Counter())


@pytest.fixture
def measure(instance):
    """`measure(client.get, "/private")`: the site's answer, and its cost."""

    def ask(send, *args, **kwargs):
        instance.forget_requests()
        with CaptureQueriesContext(connection) as captured:
            response = send(*args, **kwargs)
        asked = [query["sql"] for query in captured.captured_queries]
        transactions = [sql for sql in asked if TRANSACTION.match(sql)]
        statements = [sql for sql in asked if not TRANSACTION.match(sql)]
        calls = Counter(request.endpoint for request in instance.requests)
        return response, Cost(statements, transactions, calls)

    return ask


@pytest.fixture
def sign_in(client, instance, measure):
    """Signs maria in; the callback's answer, and the cost of each step."""

    def run():
        started, start = measure(client.get, "/signin?next=/private")
        answer = instance.answer_to(started["Location"], "maria")
        # As a browser sends it: without a cookie.
        body = urlencode(answer.fields)
        relayed, relay = measure(Client().post, answer.url, body, content_type=FORM)
        client.cookies.update(relayed.cookies)
        response, callback = measure(client.get, relayed["Location"])
        assert response["Location"] == "/private"
        return response, start, relay, callback

    return run


@pytest.fixture
def warm(instance_sign_in):
    """The instance is known, and so is the visitor."""
    instance_sign_in(Client(), "maria")


def test_start_takes_nothing(client, measure, warm):
    # Nor does it look at a session that there is.
    client.get("/basket?add=tea")
    sessions, sign_ins = Session.objects.count(), SignIn.objects.count()

    for address in ("/signin", "/signin?next=/private", "/signin/"):
        response, cost = measure(client.get, address)
        assert response.status_code == 302
        assert cost == NOTHING
        assert "sessionid" not in response.cookies
        assert "csrftoken" not in response.cookies
    assert (Session.objects.count(), SignIn.objects.count()) == (sessions, sign_ins)


def test_first_sign_in_of_a_process_asks_for_metadata_and_keys(client, measure, sign_in):
    _, start, _, callback = sign_in()

    assert (start.calls, start.statements) == ({"discovery": 1}, [])
    assert callback.calls == {"jwks": 1, "token": 1}

    # With a fresh token a page takes nothing of ours: the session and the user are Django's own.
    page, cost = measure(client.get, "/private")
    assert page.status_code == 200
    assert len(cost.statements) == 2
    assert not any("erpnet_instanceid" in statement for statement in cost.statements)
    assert cost.calls == {}


def test_callback_of_a_known_user(warm, sign_in):
    response, start, relay, callback = sign_in()

    assert start.calls == {}
    assert relay == NOTHING
    assert callback.calls == {"token": 1}
    assert response.wsgi_request.user.get_username() == "maria"
    shown = "\n".join(statement[:160] for statement in callback.statements)
    assert len(callback.statements) <= MOST_OF_A_CALLBACK, shown


class OwnCallbackView(SignInCallbackView):
    """A site's own view, at an address where this app's URLs have no say."""


urlpatterns = [path("own-callback", OwnCallbackView.as_view()), path("", include("tests.urls"))]


@pytest.mark.urls(__name__)
def test_no_view_runs_inside_the_sites_transaction(client, measure, atomic_requests):
    _, inside = measure(client.get, "/plain")
    assert inside.transactions != []

    for page in urlpatterns[:-1] + urls.urlpatterns:
        response, cost = measure(client.get, f"/{page.pattern}")
        assert response.status_code in (200, 302, 400, 401, 405, 410), page
        assert cost.transactions == [], page
