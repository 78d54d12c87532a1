"""The cost of a sign-in for the site: database statements and calls to the instance."""

import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest
import requests
from django.contrib.sessions.models import Session
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import include, path

from erpnet_instanceid.models import SignIn
from erpnet_instanceid.views.callback import SignInCallbackView

MOST_OF_A_CALLBACK = 7
FORM = "application/x-www-form-urlencoded"
TRANSACTION = re.compile(r"(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE SAVEPOINT)\b", re.IGNORECASE)


@dataclass
class Cost:
    """The cost of one request to the site."""

    statements = field(default_factory=list)
    transactions = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)


@contextmanager
def counting(instance):
    """Counts statements, transaction boundaries apart, and calls to the instance."""
    cost = Cost()
    instance.forget_requests()
    with CaptureQueriesContext(connection) as captured:
        yield cost
    for query in captured.captured_queries:
        is_boundary = TRANSACTION.match(query["sql"])
        (cost.transactions if is_boundary else cost.statements).append(query["sql"])
    cost.calls.update(request.endpoint for request in instance.requests)


@pytest.fixture
def sign_in(instance, transactional_db):
    """Signs somebody in who is known at the instance; each step with its cost."""
    at_instance = requests.Session()
    at_instance.trust_env = False

    def run(client):
        costs = {}
        with counting(instance) as costs["start"]:
            started = client.get("/signin?next=/private")
        answer = instance.answer_to(started["Location"], "maria", at_instance)
        with counting(instance) as costs["relay"]:
            # As a browser sends it: without a cookie.
            relayed = Client().post(answer.url, urlencode(answer.fields), content_type=FORM)
        client.cookies.update(relayed.cookies)
        with counting(instance) as costs["callback"]:
            response = client.get(relayed["Location"])
        assert response["Location"] == "/private"
        return response, costs

    yield run
    at_instance.close()


@pytest.fixture
def warm(sign_in):
    """The instance is known, and so is the visitor."""
    sign_in(Client())


def test_start_takes_nothing(client, instance, warm):
    # Nor does it look at a session that there is.
    client.get("/basket?add=tea")
    sessions, sign_ins = Session.objects.count(), SignIn.objects.count()

    for address in ("/signin", "/signin?next=/private", "/signin/"):
        with counting(instance) as cost:
            response = client.get(address)
        assert response.status_code == 302
        assert (cost.statements, cost.transactions, cost.calls) == ([], [], Counter())
        assert "sessionid" not in response.cookies
        assert "csrftoken" not in response.cookies
    assert (Session.objects.count(), SignIn.objects.count()) == (sessions, sign_ins)


def test_first_sign_in_of_a_process_asks_for_metadata_and_keys(client, sign_in):
    _, costs = sign_in(client)

    assert (costs["start"].calls, costs["start"].statements) == ({"discovery": 1}, [])
    assert costs["callback"].calls == {"jwks": 1, "token": 1}


def test_callback_of_a_known_user(client, instance, warm, sign_in):
    response, costs = sign_in(client)

    assert costs["start"].calls == {}
    relay = costs["relay"]
    assert (relay.statements, relay.transactions, relay.calls) == ([], [], Counter())
    callback = costs["callback"]
    assert callback.calls == {"token": 1}
    assert response.wsgi_request.user.get_username() == "maria"
    shown = "\n".join(statement[:160] for statement in callback.statements)
    assert len(callback.statements) <= MOST_OF_A_CALLBACK, shown


def test_page_with_a_fresh_token_takes_nothing_of_ours(client, instance, sign_in):
    sign_in(client)

    with counting(instance) as cost:
        assert client.get("/private").status_code == 200

    # Django's own: the session, and the user.
    assert len(cost.statements) == 2
    assert not any("erpnet_instanceid" in statement for statement in cost.statements)
    assert cost.calls == {}


@pytest.fixture
def atomic_requests(transactional_db):
    """A site whose views each run in a transaction."""
    connections.settings["default"]["ATOMIC_REQUESTS"] = True
    yield
    connections.settings["default"]["ATOMIC_REQUESTS"] = False


def test_no_view_runs_inside_the_sites_transaction(client, instance, atomic_requests):
    with counting(instance) as inside:
        client.get("/plain")
    assert inside.transactions != []

    for name in (
        "signin",
        "signin-callback",
        "signin-resume",
        "signout",
        "signout-callback",
        "backchannel-signout",
        "frontchannel-signout",
        "initiate-signin",
    ):
        for page in (f"/{name}", f"/{name}/"):
            with counting(instance) as cost:
                assert client.get(page).status_code < 500
            assert cost.transactions == [], page


class OwnCallbackView(SignInCallbackView):
    """A site's own view, which sends its visitors to another page."""


urlpatterns = [path("own-callback", OwnCallbackView.as_view()), path("", include("tests.urls"))]


def test_sites_own_callback_runs_in_no_transaction_either(
    client, instance, atomic_requests, settings
):
    """At an address of the site's, where this app's URLs have no say."""
    settings.ROOT_URLCONF = __name__

    with counting(instance) as cost:
        assert client.get("/own-callback").status_code == 400
    assert cost.transactions == []
