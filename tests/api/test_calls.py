"""Rows API of the cases, and what else `user_api`, `service_api` and `SignIn.api` promise."""

import asyncio
import gzip
import json
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest
from django.db import connection

from erpnet_instanceid.errors import APIError
from erpnet_instanceid.models import SignIn
from erpnet_instanceid.oidc.errors import SignInExpired
from erpnet_instanceid.testing import run_instance
from erpnet_instanceid.tokens.refresh_async import arenew

from ..support.event_loop import run_async

pytestmark = pytest.mark.urls("tests.api.site")
CUSTOMERS = "/api/domain/odata/Crm_Sales_Customers"


def call(visitor, url, method="GET", **options):
    query = {"url": url, "method": method, "options": json.dumps(options)}
    return visitor.get("/call?" + urlencode(query)).json()


def bearer(instance, endpoint="api"):
    return [call.headers["Authorization"] for call in instance.calls(endpoint)]


@pytest.fixture
def maria(visitor):
    visitor.sign_in("maria")
    return visitor


def test_api_01_token_goes_to_the_instance(maria, instance):
    assert call(maria, CUSTOMERS)["status"] == 200
    (sent,) = bearer(instance)
    assert sent.startswith("Bearer ey")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_api_01_token_goes_to_no_other_address(maria, instance, scheme):
    with run_instance() as foreign:
        url = foreign.url.replace("http", scheme, 1) + CUSTOMERS
        assert call(maria, url)["code"] == "foreign_address"
        assert not foreign.requests
    userinfo = instance.url.replace("://", "://evil.test@") + CUSTOMERS
    assert call(maria, userinfo.replace("127.0.0.1", "evil.test"))["code"] == "foreign_address"
    assert call(maria, "//evil.test/x")["code"] == "foreign_address"


def test_api_02_one_refresh_and_one_repetition_after_401(maria, instance):
    instance.next_answer("api", status=401)
    assert call(maria, CUSTOMERS)["status"] == 200
    assert len(instance.calls("token", "refresh_token")) == 1
    first, second = bearer(instance)
    assert first != second


def test_api_02_permanent_401_costs_few_refreshes(maria, instance):
    instance.always("api", status=401)
    api = SignIn.objects.get().api()
    for minute in (1, 2):
        for _page in range(3):
            assert call(maria, CUSTOMERS)["code"] == "http_401"
            with pytest.raises(APIError, match="http_401"):
                api.get(CUSTOMERS)
            assert len(instance.calls("token", "refresh_token")) == minute
        maria.get("/age")
    assert maria.whoami()["user"] == "maria"


def test_api_02_permanent_401_costs_the_service_few_tokens(visitor, instance):
    instance.application.system_user_allowed = True
    instance.always("api", status=401)
    for _ in range(3):
        assert visitor.get("/service").status_code == 500
    assert len(instance.calls("token", "client_credentials")) == 2


def test_api_02_refused_token_without_renewal_ends_in_an_error(visitor, instance):
    """A visitor who has just signed in and is refused would sign in again, and be refused again."""
    instance.change("token_answer", lambda answer: answer.pop("refresh_token") and None)
    instance.always("api", status=401)
    visitor.sign_in("maria")
    for _ in range(2):
        assert call(visitor, CUSTOMERS)["code"] == "http_401"
        with pytest.raises(APIError, match="http_401"):
            SignIn.objects.get().api().get(CUSTOMERS)
    assert visitor.whoami()["user"] == "maria"
    visitor.get("/age")
    assert visitor.get("/uncaught").headers["Location"].startswith("/signin?next=")


def test_api_02_sign_in_revoked_at_once_ends_in_an_error(visitor, instance):
    instance.always("api", status=401)
    for _ in range(3):
        visitor.sign_in("maria")
        instance.revoke_refresh_tokens("maria")
        assert visitor.get("/uncaught").status_code == 500
        with pytest.raises(SignInExpired):
            SignIn.objects.latest("started").api()
    visitor.sign_in("maria")
    instance.revoke_refresh_tokens("maria")
    with pytest.raises(APIError, match="http_401"):
        SignIn.objects.latest("started").api().get(CUSTOMERS)
    # It is over all the same: the next call says so.
    assert visitor.get("/uncaught").headers["Location"].startswith("/signin?next=")


def test_waiting_for_a_token_ends_when_none_can_be_had(visitor, instance):
    instance.change("token_answer", lambda answer: answer.pop("refresh_token") and None)
    visitor.sign_in("maria")
    renewing = arenew(SignIn.objects.get().pk, 1, wait=True)
    assert run_async(asyncio.wait_for(renewing, 10)) is None


def test_api_03_insufficient_scope_is_an_error_without_refresh(maria, instance):
    instance.next_answer("api", status=403, json={"message": "no", "code": "insufficient_scope"})
    told = call(maria, CUSTOMERS)
    assert (told["code"], told["status"], told["message"]) == ("insufficient_scope", 403, "no")
    assert not instance.calls("token", "refresh_token")


@pytest.mark.parametrize("status", [302, 307])
def test_api_04_token_follows_no_redirect_away(maria, instance, status):
    with run_instance() as foreign:
        headers = {"Location": foreign.url + CUSTOMERS}
        instance.next_answer("api", status=status, headers=headers, body=b"x" * 3_000_000)
        assert call(maria, CUSTOMERS)["code"] == "foreign_redirect"
        assert not foreign.requests
    same_host = instance.url.replace("127.0.0.1", "localhost")
    instance.next_answer("api", status=status, headers={"Location": same_host + CUSTOMERS})
    assert call(maria, CUSTOMERS)["code"] == "foreign_redirect"


def test_api_04_redirect_within_the_instance_is_followed(maria, instance):
    instance.next_answer("api", status=302, headers={"Location": CUSTOMERS + "?$top=1"})
    assert call(maria, CUSTOMERS)["status"] == 200


def test_api_06_everybody_calls_with_their_own_token(new_visitor, instance):
    visitors = {login: new_visitor() for login in ("maria", "admin")}
    for login, visitor in visitors.items():
        visitor.sign_in(login)
    logins = ["maria", "admin"] * 10
    with ThreadPoolExecutor(4) as pool:
        profiles = list(pool.map(lambda login: visitors[login].get("/profile").json(), logins))
    assert [profile["login"] for profile in profiles] == logins


def test_relative_address_is_the_domain_apis(maria, instance):
    instance.change(
        "auto_discovery",
        lambda found: found["WebSites"][1]["AdditionalProperties"].update(
            ODataServiceRoot=instance.url + "/api/elsewhere"
        ),
    )
    call(maria, "Crm_Sales_Customers")
    call(maria, "Crm_Sales_Customers")
    assert len(instance.calls("auto_discovery")) == 1
    assert instance.requests[-1].path == "/api/elsewhere/Crm_Sales_Customers"


@pytest.mark.parametrize(
    ("pause", "calls", "then"), [("0", 4, "too_many_requests"), ("3600", 1, "calls_queued")]
)
def test_refused_call_comes_to_its_end(maria, instance, pause, calls, then):
    """A pause longer than the deadline is not waited for, and not by the next call either."""
    instance.always("api", status=429, headers={"Retry-After": pause})
    busy = {"code": "too_many_requests", "kind": "InstanceUnavailable"}
    assert call(maria, CUSTOMERS) == busy
    assert len(instance.calls("api")) == calls
    assert call(maria, CUSTOMERS)["code"] == then


def test_key_05_answer_larger_than_the_setting_is_refused(maria, instance, settings):
    settings.ERPNET_INSTANCEID = {**settings.ERPNET_INSTANCEID, "API_MAX_BYTES": 1000}
    instance.next_answer("api", body=b"x" * 1000)
    assert call(maria, CUSTOMERS) == {"status": 200, "size": 1000}
    instance.next_answer("api", body=b"x" * 1001, times=2)
    assert call(maria, CUSTOMERS)["code"] == "answer_too_large"
    assert call(maria, CUSTOMERS, stream=True)["size"] == 1001
    bomb = gzip.compress(b"x" * 100_000)
    instance.next_answer("api", body=bomb, headers={"Content-Encoding": "gzip"})
    assert call(maria, CUSTOMERS)["code"] == "answer_too_large"


def test_no_free_licence_is_a_page_that_a_person_understands(maria, instance):
    instance.licence_slots = 0
    page = maria.get("/uncaught")
    assert page.status_code == 503
    assert "All licences are in use" in page.text
    script = maria.get("/uncaught", headers={"Sec-Fetch-Mode": "cors", "Accept": "*/*"})
    assert script.json()["error"] == "MaximumLicenseCountExceeded"


def test_items_follow_next_links_and_then_count_on(maria, instance):
    everybody = maria.get("/listed?size=200").json()["ids"]
    assert len(everybody) == len(set(everybody)) == 500
    some = maria.get("/listed?" + urlencode({"params": '{"$top": 120, "$skip": 30}', "size": 50}))
    assert some.json()["ids"] == everybody[30:150]
    instance.forget_requests()
    some = maria.get("/listed?" + urlencode({"params": '{"$top": 120}', "size": 50}))
    assert some.json()["ids"] == everybody[:120]
    assert len(instance.calls("api")) == 3


@pytest.fixture
def later(monkeypatch):
    """Sets the clock so many seconds after now."""
    now = time.time()

    def change(seconds):
        monkeypatch.setattr(time, "time", lambda: now + seconds)

    return change


@pytest.mark.parametrize(("lifetime", "due"), [(3600, 3300), (600, 400)])
def test_service_token_is_renewed_in_time_and_not_long_before(
    visitor, instance, later, lifetime, due
):
    """REFRESH_MARGIN before its end, at most a third of its life."""
    instance.application.system_user_allowed = True
    instance.access_token_lifetime = lifetime
    for seconds, asked in ((0, 1), (due - 20, 1), (due + 20, 2)):
        later(seconds)
        assert visitor.get("/service").status_code == 200
        assert len(instance.calls("token", "client_credentials")) == asked


def test_service_token_refused_to_many_at_once_is_replaced_once(new_visitor, instance):
    instance.application.system_user_allowed = True
    instance.lift_limits()
    visitors = [new_visitor() for _ in range(4)]
    visitors[0].get("/service")
    (refused,) = bearer(instance)
    instance.always(
        "api", status=401, delay=0.2, when=lambda sent: sent.headers["Authorization"] == refused
    )
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda visitor: visitor.get("/service").status_code, visitors))
    assert answers == [200] * 4
    assert len(instance.calls("token", "client_credentials")) == 2


def test_service_token_is_used_to_its_end_without_a_new_one(visitor, instance, later):
    instance.application.system_user_allowed = True
    visitor.get("/service")
    later(3500)
    instance.next_token_answer(status=503, times=2)
    for _ in range(3):
        assert visitor.get("/service").status_code == 200
    # It is left alone for a second after it has failed.
    assert len(instance.calls("token", "client_credentials")) == 2
    later(3700)
    assert visitor.get("/service").status_code in (500, 503)


def test_service_uses_its_token_while_a_new_one_is_fetched(new_visitor, instance, later):
    instance.application.system_user_allowed = True
    one, other = new_visitor(), new_visitor()
    one.get("/service")
    later(3500)
    instance.forget_requests()
    instance.next_token_answer(delay=2)
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(one.get, "/service")
        instance.wait_for_calls("token")
        started = time.monotonic()
        assert other.get("/service").status_code == 200
        assert time.monotonic() - started < 1
        assert renewing.result().status_code == 200
    assert len(instance.calls("token")) == 1


def test_work_after_the_request_renews_through_the_same_row(maria, instance):
    sign_in = SignIn.objects.get(pk=maria.get("/own-sign-in").json()["pk"])
    instance.next_answer("api", status=401)
    assert sign_in.api().get(CUSTOMERS).status_code == 200
    assert len(instance.calls("token", "refresh_token")) == 1
    # The visitor's own request takes what the work has brought.
    instance.next_answer("api", status=401)
    assert call(maria, CUSTOMERS)["status"] == 200
    assert len(instance.calls("token", "refresh_token")) == 1
    maria.post("/signout")
    assert maria.get("/own-sign-in").json() == {"pk": None}
    sign_in.refresh_from_db()
    with pytest.raises(SignInExpired):
        sign_in.api()


def test_async_view_asks_for_sign_in_tokens_and_profile(visitor):
    assert visitor.get("/own-tokens").json() == {"pk": None, "scope": None, "login": None}
    visitor.sign_in("maria")
    told = visitor.get("/own-tokens").json()
    assert told["pk"] == str(SignIn.objects.get().pk)
    assert told["scope"] == "openid profile offline_access read"
    assert told["login"] == "maria"


def test_sign_in_api_renews_an_expired_token_before_its_call(maria, instance, later):
    api = SignIn.objects.get().api()
    later(3700)
    assert api.get(CUSTOMERS).status_code == 200
    assert len(instance.calls("token", "refresh_token")) == 1
    assert len(instance.calls("api")) == 1


def test_end_of_own_sign_in_leads_through_the_instance(maria, instance):
    sign_in = SignIn.objects.get()
    SignIn.objects.update(ended=sign_in.started, tokens="")
    assert maria.get(f"/as-other?pk={sign_in.pk}").headers["Location"].startswith("/signin?next=")


@pytest.mark.parametrize("login", ["admin", None], ids=["signed in", "anonymous"])
def test_end_of_somebody_elses_sign_in_signs_nobody_out(maria, new_visitor, instance, login):
    pk = SignIn.objects.get().pk
    maria.post("/signout")
    other = new_visitor()
    if login is not None:
        other.sign_in(login)
    assert other.get(f"/as-other?pk={pk}").status_code == 500
    assert other.whoami()["user"] == (login or "")


def test_call_in_a_sqlite_transaction_does_not_spend_the_token(maria, instance):
    """No second connection can write beside it; on PostgreSQL one can (tests/storm)."""
    assert connection.vendor == "sqlite"
    instance.next_answer("api", status=401)
    assert maria.get("/in-atomic").status_code == 503
    assert not instance.calls("token", "refresh_token")
    assert call(maria, CUSTOMERS)["status"] == 200


def test_identity_of_a_visitor(visitor, instance):
    assert visitor.get("/identity").json() == {}
    visitor.sign_in("maria")
    identity = visitor.get("/identity").json()
    assert identity["sub"] == "maria"
    assert identity["user_id"] == instance.people["maria"].id
    assert identity["user_type"] == "InternalUser"
    assert identity["is_admin"] is False
    assert abs(identity["signed_in_at"] - instance.now()) < 60
