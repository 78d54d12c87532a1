"""Rows API of the cases, and what else `user_api`, `service_api` and `SignIn.api` promise."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from erpnet_instanceid.api import service_api
from erpnet_instanceid.errors import APIError
from erpnet_instanceid.models import SignIn
from erpnet_instanceid.oidc.errors import InstanceUnavailable, SignInExpired
from erpnet_instanceid.tokens.refresh_async import arenew

from ..support.event_loop import run_async

pytestmark = pytest.mark.urls("tests.api.site")
CUSTOMERS = "/api/domain/odata/Crm_Sales_Customers"


def bearer(instance):
    return [call.headers["Authorization"] for call in instance.calls("api")]


@pytest.fixture
def maria(visitor):
    visitor.sign_in("maria")
    return visitor


def test_api_01_token_goes_to_the_instance(maria, instance):
    assert maria.get("/call").text == "served"
    (sent,) = bearer(instance)
    assert sent.startswith("Bearer ey")


def test_api_02_one_refresh_and_one_repetition_after_401(maria, instance):
    instance.next_answer("api", status=401)
    assert maria.get("/call").text == "served"
    assert len(instance.calls("token", "refresh_token")) == 1
    first, second = bearer(instance)
    assert first != second


def test_api_02_permanent_401_costs_few_refreshes(maria, instance):
    instance.always("api", status=401)
    api = SignIn.objects.get().api()
    for minute in (1, 2):
        for _page in range(3):
            assert maria.get("/call").text == "http_401"
            with pytest.raises(APIError, match="http_401"):
                api.get(CUSTOMERS)
            assert len(instance.calls("token", "refresh_token")) == minute
        maria.get("/age")
    assert maria.whoami()["user"] == "maria"


def test_api_02_permanent_401_costs_the_service_few_tokens(service, instance):
    instance.always("api", status=401)
    for _ in range(3):
        with pytest.raises(APIError, match="http_401"):
            service.get(CUSTOMERS)
    assert len(instance.calls("token", "client_credentials")) == 2


def test_api_02_refused_token_without_renewal_ends_in_an_error(visitor, instance):
    """A visitor who has just signed in and is refused would sign in again, and be refused again."""
    instance.change("token_answer", lambda answer: answer.pop("refresh_token") and None)
    instance.always("api", status=401)
    visitor.sign_in("maria")
    for _ in range(2):
        assert visitor.get("/call").text == "http_401"
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


def test_api_06_everybody_calls_with_their_own_token(new_visitor, instance):
    visitors = {login: new_visitor() for login in ("maria", "admin")}
    for login, visitor in visitors.items():
        visitor.sign_in(login)
    logins = ["maria", "admin"] * 10
    with ThreadPoolExecutor(4) as pool:
        profiles = list(pool.map(lambda login: visitors[login].get("/profile").json(), logins))
    assert [profile["login"] for profile in profiles] == logins


def test_no_free_licence_is_a_page_that_a_person_understands(maria, instance):
    instance.licence_slots = 0
    page = maria.get("/uncaught")
    assert page.status_code == 503
    assert "All licences are in use" in page.text
    script = maria.get("/uncaught", headers={"Sec-Fetch-Mode": "cors", "Accept": "*/*"})
    assert script.json()["error"] == "MaximumLicenseCountExceeded"


@pytest.fixture
def later(monkeypatch):
    """Sets the clock so many seconds after now."""
    now = time.time()

    def change(seconds):
        monkeypatch.setattr(time, "time", lambda: now + seconds)

    return change


@pytest.mark.parametrize(("lifetime", "due"), [(3600, 3300), (600, 400)])
def test_service_token_is_renewed_in_time_and_not_long_before(
    service, instance, later, lifetime, due
):
    """REFRESH_MARGIN before its end, at most a third of its life."""
    instance.access_token_lifetime = lifetime
    for seconds, asked in ((0, 1), (due - 20, 1), (due + 20, 2)):
        later(seconds)
        service.get(CUSTOMERS)
        assert len(instance.calls("token", "client_credentials")) == asked


def test_service_token_refused_to_many_at_once_is_replaced_once(service, instance):
    instance.lift_limits()
    service.get(CUSTOMERS)
    (refused,) = bearer(instance)
    instance.always(
        "api", status=401, delay=0.2, when=lambda sent: sent.headers["Authorization"] == refused
    )
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: service_api().get(CUSTOMERS), range(4)))
    assert len(instance.calls("token", "client_credentials")) == 2


def test_service_token_is_used_to_its_end_without_a_new_one(service, instance, later):
    service.get(CUSTOMERS)
    later(3500)
    instance.always("token", status=503)
    for _ in range(3):
        service.get(CUSTOMERS)
    # It is left alone for a second after it has failed.
    assert len(instance.calls("token", "client_credentials")) == 2
    later(3700)
    with pytest.raises(InstanceUnavailable):
        service.get(CUSTOMERS)


def test_service_uses_its_token_while_a_new_one_is_fetched(service, instance, later):
    service.get(CUSTOMERS)
    later(3500)
    instance.next_token_answer(delay=2)
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(service.get, CUSTOMERS)
        instance.wait_for_calls("token", 2)
        started = time.monotonic()
        service_api().get(CUSTOMERS)
        assert time.monotonic() - started < 1
        renewing.result()
    assert len(instance.calls("token")) == 2


def test_work_after_the_request_renews_through_the_same_row(maria, instance):
    sign_in = SignIn.objects.get(pk=maria.get("/identity").json()["pk"])
    instance.next_answer("api", status=401)
    assert sign_in.api().get(CUSTOMERS).status_code == 200
    assert len(instance.calls("token", "refresh_token")) == 1
    # The visitor's own request takes what the work has brought.
    instance.next_answer("api", status=401)
    assert maria.get("/call").text == "served"
    assert len(instance.calls("token", "refresh_token")) == 1
    maria.post("/signout")
    assert maria.get("/identity").json() == {}
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
    assert maria.get("/api-in-atomic").status_code == 503
    assert not instance.calls("token", "refresh_token")
    assert maria.get("/call").text == "served"


def test_identity_of_a_visitor(visitor, instance):
    assert visitor.get("/identity").json() == {}
    visitor.sign_in("maria")
    identity = visitor.get("/identity").json()
    assert identity["sub"] == "maria"
    assert identity["user_id"] == instance.people["maria"].id
    assert identity["user_type"] == "InternalUser"
    assert identity["is_admin"] is False
    assert abs(identity["signed_in_at"] - instance.now()) < 60
