"""An attempt is not lost, or the sign-in starts again by itself, or the page says why it cannot."""

import re
import secrets
import time
import uuid
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from erpnet_instanceid import records
from erpnet_instanceid.models import SignIn
from erpnet_instanceid.oidc.errors import AttemptError
from erpnet_instanceid.signin import answers, attempts
from erpnet_instanceid.signin.frames import Opener

REFRESH = re.compile(r'http-equiv="refresh" content="0;url=([^"]+)"')
PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def forget_attempts(visitor):
    for cookie in visitor.cookies("erpnet_signin_"):
        visitor.http.cookies.clear(cookie.domain, cookie.path, cookie.name)


def next_start(response):
    """Where the page goes on by itself."""
    found = REFRESH.search(response.text)
    return unescape(found[1]) if found else None


def test_sign_in_without_its_cookie_starts_again_twice(visitor, caplog):
    address = "/signin?" + urlencode({"next": "/private?month=11"})
    for restarts in (1, 2, 3):
        answer = visitor.at(visitor.get(address).headers["Location"])
        forget_attempts(visitor)
        response = visitor.bring(answer)
        assert response.status_code == 400
        assert "did not send back the cookie" in response.text
        assert "unknown_attempt (reason='no_cookie')" in caplog.text
        again = next_start(response)
        assert (again is None) == (restarts == 3)
        address = again or address
    # The last start of these leads to the wanted page, where the cookie stays.
    response = visitor.bring(visitor.at(visitor.get(address).headers["Location"], None))
    assert response.headers["Location"] == "/private?month=11"


@pytest.mark.parametrize("query", ["month=11", "q=" + secrets.token_hex(900)], ids=["", "long"])
def test_lost_answer_leads_to_the_wanted_page(visitor, query):
    answer = visitor.at(visitor.start(f"/private?{query}"))
    onward = visitor.relay(answer.url, urlencode(answer.fields)).headers["Location"]
    assert len(onward) < 500
    visitor.http.cookies.clear("localhost.local", "/", "erpnet_answer")
    started = visitor.arrive(onward).headers["Location"]
    response = visitor.bring(visitor.at(started, None))
    assert response.headers["Location"] == f"/private?{query}"


@pytest.mark.parametrize(("count", "filters"), [(20, 0), (5, 15)], ids=["many", "long"])
def test_pos_19_tabs_all_come_to_their_pages(visitor, count, filters):
    values = [uuid.uuid4() for _ in range(filters)]
    query = "".join(f"&filter={value}" for value in values)
    tabs = {number: visitor.start(f"/private?tab={number}{query}") for number in range(count)}
    for number, started in reversed(tabs.items()):
        response = visitor.bring(visitor.at(started))
        assert response.headers["Location"] == f"/private?tab={number}{query}"
    # One session is one sign-in: each took the place of the one before.
    assert SignIn.objects.filter(ended=None).count() == 1


def test_five_tabs_fit_beside_the_sites_own_cookies(visitor):
    for number in range(5):
        started = visitor.start(f"/private/orders/?page={number}")
    answer = visitor.at(started)
    visitor.relay(answer.url, urlencode(answer.fields))
    sent = sum(len(f"; {c.name}={c.value}") for c in visitor.cookies("erpnet_"))
    # In uWSGI's 4,096 bytes: 1 kB of cookies of the site, and 600 for the rest of a request.
    assert sent < 4096 - 1024 - 600


@pytest.mark.parametrize("path", ["/signin", "/initiate-signin", "/signin-popup"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"},
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    ],
)
def test_nothing_but_a_page_starts_a_sign_in(client, instance, path, headers):
    query = {"iss": instance.issuer, "opener": records.seal("opener", Opener("hash"))}
    response = client.get(path, query, headers={**PAGE, **headers})
    assert response.status_code in (401, 425)
    assert "no-store" in response["Cache-Control"]
    assert not response.cookies


@pytest.mark.parametrize("shown_in", ["document", "iframe"])
@pytest.mark.parametrize("path", ["/signin", "/initiate-signin"])
def test_start_moves_to_the_host_of_the_callback(
    client, instance, configure, settings, path, shown_in
):
    settings.ALLOWED_HOSTS = ["www.rp.test", "rp.test"]
    configure(CALLBACK_URL="http://rp.test/signin-callback")
    page = "http://www.rp.test/private?a=1"
    named = {"next": page} if path == "/signin" else {"target_link_uri": page}
    query = {"iss": instance.issuer, "prompt": "login", **named}
    headers = {**PAGE, "Sec-Fetch-Dest": shown_in}
    response = client.get(path, query, headers={**headers, "host": "www.rp.test"})
    assert response["Location"].startswith(f"http://rp.test{path}?")
    address = response["Location"].removeprefix("http://rp.test")
    onward = client.get(address, headers={**headers, "host": "rp.test"})
    if shown_in == "iframe":
        assert "/signin?next=%2Fprivate%3Fa%3D1" in onward.text
    else:
        state = parse_qs(urlsplit(onward["Location"]).query)["state"][0]
        plan = attempts.read_plan(state)
        assert plan is not None
        assert plan.target == "/private?a=1"


def test_fld_13_answer_of_two_letters_costs_little(instance):
    pairs = [("id_token", "ab" * 60_000), ("code", "abba" * 30_000)]
    started = time.thread_time()
    with pytest.raises(AttemptError) as raised:
        answers.carry(RequestFactory().get("/"), HttpResponse(), answers.Answer([*pairs, *pairs]))
    assert raised.value.code == "answer_too_large"
    assert time.thread_time() - started < 0.02


def test_sta_08_09_attempt_that_is_not_found_has_a_reason(settings, later):
    settings.ALLOWED_HOSTS = ["rp.test", "www.rp.test"]
    request = RequestFactory().get("/", HTTP_HOST="rp.test")
    attempt, own = attempts.new_attempt(request)
    _, planted = attempts.new_attempt(request)
    name = f"erpnet_signin_{attempt.reference}"

    def sent(*values, host="rp.test"):
        cookie = "; ".join(f"{name}={value}" for value in values)
        return RequestFactory().get("/", HTTP_HOST=host, HTTP_COOKIE=cookie)

    def reason(*values, state=attempt.secrets.state, **more):
        with pytest.raises(AttemptError, match="unknown_attempt") as raised:
            attempts.find(sent(*values, **more), state)
        return raised.value.facts["reason"]

    assert attempts.find(sent(own), attempt.secrets.state).secrets == attempt.secrets
    assert reason() == reason("") == reason(own, "garbage") == reason("", own) == "no_cookie"
    assert reason(host="www.rp.test") == "another_host"
    assert reason(state="x" * 43) == "not_ours"
    # Its name is that of the attempt: somebody has planted it.
    assert reason(planted) == "no_cookie"
    for other in ("garbage", "g" * 8000, own[:-8], "A" + own[1:], own[:50] + "é" + own[51:]):
        assert reason(other) == "another_key"
    later(24 * 3600)
    assert reason(own) == "too_old"
