"""The limits of the instance's APIs, and the sessions behind them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

CUSTOMERS = "/api/domain/odata/Crm_Sales_Customers?$top=1"


def call(instance, token):
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(instance.url + CUSTOMERS, headers=headers, timeout=10)


def call_at_once(instance, token, count):
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: call(instance, token), range(count)))


def statuses(answers):
    return sorted(answer.status_code for answer in answers)


def test_defaults_are_the_documented_ones(instance):
    limits = instance.requests_per_minute, instance.concurrent_requests, instance.request_queue
    assert limits == (600, 1, 5)
    assert (instance.session_idle_lifetime, instance.service_session_lifetime) == (1200, 3600)


def test_minute_holds_a_number_of_requests(instance, token):
    instance.requests_per_minute = 2
    assert statuses(call(instance, token) for _ in range(2)) == [200] * 2
    refused = call(instance, token)
    assert refused.status_code == 429
    assert 58 <= int(refused.headers["Retry-After"]) <= 60
    instance.clock_offset = 59
    assert call(instance, token).status_code == 429
    # Refused requests do not count.
    instance.clock_offset = 61
    assert statuses(call(instance, token) for _ in range(2)) == [200] * 2
    assert instance.too_many_requests == 2


def test_sessions_have_limits_of_their_own(instance, party, token):
    instance.requests_per_minute = 1
    party.http.cookies.clear()
    other = party.sign_in("admin")["access_token"]
    service = party.ask("client_credentials").json()["access_token"]
    assert statuses(call(instance, t) for t in (token, other, service)) == [200] * 3
    assert call(instance, token).status_code == 429


def test_tokens_of_one_sign_in_share_a_session(instance, party):
    instance.requests_per_minute = 1
    tokens = party.sign_in("maria")
    call(instance, tokens["access_token"])
    renewed = party.refresh(tokens["refresh_token"]).json()["access_token"]
    assert call(instance, renewed).status_code == 429


def test_one_request_runs_and_five_wait(instance, token):
    instance.always("api", hold=0.3)
    answers = call_at_once(instance, token, 8)
    assert statuses(answers) == [200] * 6 + [429] * 2
    assert "Retry-After" not in next(a for a in answers if a.status_code == 429).headers


def test_stand_in_ends_while_requests_wait(instance, token):
    instance.always("api", hold=60)
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(call, instance, token)
        instance.wait_for_calls("api", 3)
        instance.close()


def test_token_opens_a_new_session_after_idle_minutes(instance, token):
    call(instance, token)
    instance.clock_offset = 19 * 60
    call(instance, token)
    assert instance.api_sessions_opened == 1
    instance.clock_offset = 39 * 60 + 1
    assert instance.licences_taken == 0
    call(instance, token)
    assert (instance.api_sessions_opened, instance.licences_taken) == (2, 1)


@pytest.mark.parametrize(("who", "opened"), [("service", 2), ("person", 1)])
def test_only_service_sessions_end_after_an_hour(instance, party, who, opened):
    instance.access_token_lifetime = 2 * 3600
    tokens = party.ask("client_credentials").json() if who == "service" else party.sign_in()
    for minutes in range(0, 70, 10):
        instance.clock_offset = minutes * 60
        assert call(instance, tokens["access_token"]).status_code == 200
    assert instance.api_sessions_opened == opened
