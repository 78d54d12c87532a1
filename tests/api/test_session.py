"""Where an `InstanceSession` sends a token, whatever address it is given, and over what."""

import asyncio
import gzip
import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from django.db import connection
from django.utils.translation import override

from erpnet_instanceid.api import authorized, service_api
from erpnet_instanceid.api.calls import PAUSES, Bearer, Call
from erpnet_instanceid.api.governor import gate_of
from erpnet_instanceid.api.session import open_session
from erpnet_instanceid.errors import APIError
from erpnet_instanceid.models import SignIn
from erpnet_instanceid.oidc.adapter import CA_BUNDLE_VARIABLES, environment
from erpnet_instanceid.oidc.errors import InstanceIDError, InstanceUnavailable, InvalidResponse
from erpnet_instanceid.oidc.http import Limits
from erpnet_instanceid.tokens.refresh_async import arenew

from ..support.event_loop import run_async
from ..support.forks import forking, in_child
from ..support.outcomes import within
from .conftest import OneToken
from .test_sites import elsewhere

CUSTOMERS = "Crm_Sales_Customers"


class TwoTokens(OneToken):
    def newer_than(self, refused):
        return "a newer token"


class AnotherToken(OneToken):
    def current(self):
        return "another visitor's token"


@pytest.mark.parametrize(
    "url",
    [
        *("https://op.test:99999/", "http://[::1", "http://a b/", "http://", "//evil.test/x"),
        *("https://OWN/api/x", "http://127.0.0.1:1/api/x", "http://localhost:1/api/x"),
        "https://somebody:hidden@evil.test:8443/path?key=hidden#hidden",
        # urllib ends a host at "@", the library that sends ends it at the backslash before.
        "http://evil.test\\@OWN/api/x",
    ],
)
def test_api_01_foreign_or_malformed_address_is_refused(api, instance, url):
    with pytest.raises(InvalidResponse, match="foreign_address") as caught:
        api.get(url.replace("OWN", instance.url.removeprefix("http://")))
    assert "hidden" not in str(caught.value)
    assert not instance.calls("api")


def test_relative_address_is_the_domain_apis(api, instance):
    """Even if it holds another in its filter."""
    instance.change("auto_discovery", lambda found: elsewhere(found, f"{instance.url}/api/else"))
    instance.always("api", status=204)
    for _ in range(2):
        api.get("Crm_Sales_Customers?$filter=Website eq 'https://acme.test'")
    assert len(instance.calls("auto_discovery")) == 1
    assert instance.requests[-1].path == "/api/else/Crm_Sales_Customers"


@pytest.mark.parametrize("status", [302, 307])
def test_api_04_token_follows_no_redirect_away(api, instance, status):
    same_host = instance.url.replace("127.0.0.1", "localhost")
    for address in ("https://evil.test", "//evil.test", same_host):
        headers = {"Location": address + "/api/x"}
        instance.next_answer("api", status=status, headers=headers, body=b"x" * 3_000_000)
        with pytest.raises(InvalidResponse, match="foreign_redirect"):
            api.get("/api/y")
    assert len(instance.calls("api")) == 3


def test_api_04_redirect_within_the_instance_is_followed(api, instance):
    instance.next_answer("api", status=302, headers={"Location": "/api/x"})
    instance.next_answer("api", status=204)
    assert api.get("/api/y").status_code == 204


def test_api_03_insufficient_scope_is_an_error_without_refresh(instance):
    instance.always("api", status=403, json={"message": "no", "code": "insufficient_scope"})
    with pytest.raises(APIError, match="insufficient_scope") as caught:
        open_session(TwoTokens()).get(CUSTOMERS)
    assert (caught.value.status, caught.value.message) == (403, "no")
    assert len(instance.calls("api")) == 1


@pytest.mark.parametrize(
    ("pause", "calls", "then"), [("0", 4, "too_many_requests"), ("3600", 1, "calls_queued")]
)
def test_refused_call_comes_to_its_end(api, instance, pause, calls, then):
    """A pause longer than the deadline is not waited for, and not by the next call either."""
    instance.always("api", status=429, headers={"Retry-After": pause})
    with pytest.raises(InstanceUnavailable, match="too_many_requests"):
        api.get("/api/x")
    assert len(instance.calls("api")) == calls
    with pytest.raises(InstanceUnavailable, match=then):
        api.get("/api/x")


def test_key_05_answer_larger_than_the_setting_is_refused(instance, configure):
    configure(API_MAX_BYTES=1000)
    api = open_session(OneToken())
    instance.next_answer("api", body=b"x" * 1000)
    assert len(api.get("/api/x").content) == 1000
    instance.next_answer("api", body=b"x" * 1001)
    assert len(api.get("/api/x", stream=True).content) == 1001
    bomb = gzip.compress(b"x" * 100_000)
    instance.next_answer("api", body=bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(InvalidResponse, match="answer_too_large"):
        api.get("/api/x")


@pytest.mark.parametrize("name", ["Authorization", "authorization"])
def test_callers_credentials_do_not_replace_the_token(api, instance, name):
    instance.next_answer("api", status=204)
    url = instance.url.replace("://", "://somebody:password@") + "/api/x"
    api.get(url, headers={name: "Bearer another's", "X-Else": "kept"})
    (sent,) = instance.calls("api")
    assert sent.headers.getlist("Authorization") == ["Bearer the visitor's token"]
    assert sent.headers["X-Else"] == "kept"


@pytest.mark.parametrize(
    "body",
    [
        lambda: {"data": io.BytesIO(b"all of it")},
        lambda: {"data": (part for part in (b"all ", b"of it"))},
        lambda: {"files": {"f": io.BytesIO(b"all of it")}},
    ],
    ids=["file", "generator", "form with a file"],
)
@pytest.mark.parametrize(("status", "code"), [(429, "too_many_requests"), (401, "http_401")])
def test_body_that_has_been_read_is_not_sent_again(instance, body, status, code):
    """The second request would be sent with an empty one, and be carried out."""
    instance.next_answer("api", status=status, headers={"Retry-After": "0"})
    with pytest.raises(InstanceIDError) as caught:
        open_session(TwoTokens()).put("/api/x", **body())
    assert caught.value.code == code
    assert len(instance.calls("api")) == 1


@pytest.mark.parametrize("body", [{"data": b"all"}, {"data": {"a": "all"}}, {"json": ["all"]}])
@pytest.mark.parametrize("status", [429, 401])
def test_body_that_is_still_there_is_sent_again(instance, body, status):
    instance.next_answer("api", status=status, headers={"Retry-After": "0"})
    instance.next_answer("api", status=204)
    assert open_session(TwoTokens()).put("/api/x", **body).status_code == 204
    first, second = instance.calls("api")
    assert first.body == second.body != b""


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"status": 400}, "http_400"),
        ({"status": 429, "headers": {"Retry-After": "60"}}, "too_many_requests"),
        ({"status": 503}, "server_error"),
        ({"drop": "before"}, "connection_lost"),
        ({"body": "?"}, "not_json"),
        ({"body": b"[" * 100_000}, "not_json"),
        ({"json": []}, "not_a_json_object"),
        ({"json": {}}, "not_a_collection"),
        ({"body": b"x" * 100_001}, "answer_too_large"),
        (
            {"status": 302, "headers": {"Location": "//u:hidden@op.test/?k=hidden"}},
            "foreign_redirect",
        ),
    ],
)
@pytest.mark.parametrize("end", ["?key=hidden#hidden", "#hidden"])
def test_errors_show_no_secret_that_an_address_may_hold(instance, configure, answer, code, end):
    configure(API_MAX_BYTES=100_000)
    instance.always("api", **answer)
    address = instance.url.replace("://", "://somebody:hidden@") + "/api/x" + end
    with pytest.raises(InstanceIDError) as caught:
        list(open_session(OneToken()).items(address))
    assert caught.value.code == code
    assert "hidden" not in str(caught.value)
    if code != "foreign_redirect":
        assert caught.value.facts["url"] == instance.url + "/api/x"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"json": {"Price": float("nan")}}, requests.exceptions.InvalidJSONError),
        ({"headers": {"X-Own": "two\nlines"}}, requests.exceptions.InvalidHeader),
    ],
)
def test_mistake_of_the_caller_is_no_outage(api, instance, options, error):
    with pytest.raises(error):
        api.post(CUSTOMERS, **options)
    assert not instance.calls("api")


NOW = "Fri, 27 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("told", "date", "pause"),
    [
        ("30", NOW, 30),
        ("0", None, 0),
        ("Fri, 27 Nov 2026 10:00:30 GMT", NOW, 30),
        ("Fri, 27 Nov 2026 09:00:00 GMT", NOW, 0),
        ("Fri, 27 Nov 2026 10:00:30 GMT", None, PAUSES[0]),
        ("Fri, 27 Nov 2026 10:00:30", NOW, PAUSES[0]),
        *((garbage, NOW, PAUSES[0]) for garbage in ("", "-1", "1.5", "soon", "٣", "5, 7")),
    ],
)
def test_pause_is_as_long_as_the_instance_says(told, date, pause):
    response = requests.Response()
    response.status_code = 429
    response.headers.update({"Retry-After": told, **({"Date": date} if date else {})})
    call = Call("GET", "/api/x", {}, Limits(), Bearer("token"))
    assert call.pause_after(response) == pause


@pytest.mark.parametrize("threads", [1, 8])
def test_sessions_of_all_requests_share_connections(instance, threads):
    """Counted at the other end: as many as there are calls at once."""
    instance.always("api", json={"value": []})

    def call(_number):
        with open_session(OneToken()) as api:
            return api.get("/api/x").status_code

    with ThreadPoolExecutor(threads) as pool:
        assert list(pool.map(call, range(100))) == [200] * 100
    assert len({call.connection for call in instance.calls("api")}) <= threads


def test_connection_is_waited_for_as_long_as_the_settings_say(configure, untaken):
    configure(INSTANCE_URL=untaken, CONNECT_TIMEOUT=0.3)
    # Without a limit of ours it is the system's, of two minutes.
    with within(20), pytest.raises(InstanceUnavailable) as caught:
        open_session(OneToken()).get("/api/x")
    assert (caught.value.code, caught.value.facts["cause"]) == ("timeout", "ConnectTimeoutError")


def test_what_a_call_gives_is_completed_from_the_environment(api, monkeypatch, no_proxies):
    def told(proxies=None, verify=None):
        url = "https://op.test/api/x"
        merged = api.merge_environment_settings(url, proxies, True, verify, None)
        return merged["proxies"].get("https"), merged["verify"]

    for name in CA_BUNDLE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    api.verify = False
    assert (told(), told(verify=True)) == ((None, False), (None, True))
    environment.cache_clear()
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/company.pem")
    assert told() == told(verify=True) == told(proxies={}) == ("http://proxy.test", "/company.pem")
    assert told(verify=False) == ("http://proxy.test", False)
    assert told(verify="/own.pem") == ("http://proxy.test", "/own.pem")
    assert told(proxies={"https": "http://own.test"}) == ("http://own.test", "/company.pem")


@pytest.mark.parametrize("stream", [False, True])
def test_timeout_of_a_call_counts_instead_of_the_setting(instance, configure, stream):
    configure(DEADLINE=0.3)
    instance.always("api", delay=0.6, status=204)
    api = open_session(OneToken())
    for timeout in (30, (1, 30)):
        assert api.get("/api/x", timeout=timeout, stream=stream).status_code == 204
    with pytest.raises(InstanceUnavailable, match="timeout"):
        api.get("/api/x", stream=stream)
    with pytest.raises(InstanceUnavailable, match="timeout"):
        open_session(OneToken()).get("/api/x", timeout=(1, None), stream=stream)


@pytest.mark.parametrize("timeout", [0, -1, (0, 5)], ids=str)
def test_timeout_that_leaves_no_time_is_named(api, timeout):
    with pytest.raises(ValueError, match="timeout="):
        api.get("/api/x", timeout=timeout)


def language(instance):
    return instance.calls("api")[-1].headers.get("Accept-Language")


def test_call_asks_for_the_visitors_language(api, instance):
    instance.always("api", status=204)
    with override("bg"):
        api.get("/api/x")
        assert language(instance) == "bg"
        asyncio.run(api.arequest("GET", "/api/x"))
        assert language(instance) == "bg"
        api.get("/api/x", headers={"Accept-Language": "fr"})
        assert language(instance) == "fr"
        api.language = "de"
        api.get("/api/x")
        assert language(instance) == "de"
        api.headers["accept-language"] = "fr"
        api.get("/api/x")
        assert language(instance) == "fr"


def test_async_calls_leave_threads_to_others(instance, monkeypatch):
    """A call that waits takes none; one that is being sent takes none of the event loop's own."""
    threads = ThreadPoolExecutor(2)
    monkeypatch.setattr(authorized, "_threads", lambda: threads)
    instance.next_answer("api", status=204, delay=0.5)
    instance.always("api", status=204)

    async def call_and_look():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        api, other = open_session(OneToken()), open_session(AnotherToken())
        calls = [asyncio.ensure_future(api.arequest("GET", "/api/x")) for _ in range(10)]
        while not instance.calls("api"):
            await asyncio.sleep(0.01)
        start = time.monotonic()
        await asyncio.to_thread(int)
        await other.arequest("GET", "/api/x")
        assert time.monotonic() - start < 0.4
        await asyncio.gather(*calls)

    asyncio.run(call_and_look())
    assert len(instance.calls("api")) == 11


def test_async_call_that_is_given_up_lets_the_next_one_in(instance):
    instance.next_answer("api", status=204, delay=0.3)
    instance.always("api", status=204)

    async def give_up():
        api = open_session(OneToken())
        given_up = asyncio.ensure_future(api.arequest("GET", "/api/x"))
        waiting = asyncio.ensure_future(api.arequest("GET", "/api/x"))
        await asyncio.to_thread(instance.wait_for_calls, "api")
        given_up.cancel()
        assert (await waiting).status_code == 204

    with within(5):
        asyncio.run(give_up())


@pytest.mark.parametrize("ticks", range(5))
def test_loop_that_ends_lets_the_next_call_in(instance, ticks):
    """The end cancels all tasks: that of a call, and that of the thread which it has just got."""
    instance.always("api", status=204)
    api = open_session(OneToken())
    gate = gate_of(api.tokens.current(), api.call_limits)

    async def end_soon():
        gate.enter(1)
        task = asyncio.ensure_future(api.arequest("GET", "/api/x"))
        while not gate._queue:
            await asyncio.sleep(0)
        gate.leave()
        for _ in range(ticks):
            await asyncio.sleep(0)
        assert not task.done()

    asyncio.run(end_soon())
    gate.enter(1)


def test_count_asks_for_one_entity(api, instance):
    instance.next_answer("api", json={"Id": 1})
    with pytest.raises(InvalidResponse, match="not_a_collection"):
        api.count(CUSTOMERS)
    instance.forget_requests()
    instance.next_answer("api", json={"@odata.count": 500, "value": [{}]})
    assert api.count(CUSTOMERS, {"$filter": "Active eq true"}) == 500
    (sent,) = instance.calls("api")
    assert (sent["$top"], sent["$count"], sent["$filter"]) == ("1", "true", "Active eq true")


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({"page_size": 2}, [2, 2, 1]),
        ({"page_size": 2}, [2, 2, 0]),
        ({"page_size": 3}, [3, 1]),
        ({}, [1000, 1000, 1]),
    ],
)
def test_items_count_on_where_the_instance_sends_no_link(api, instance, options, sizes):
    """OData 4.01 part 1, 11.2.6.3: a ``$top`` is all that is wanted, however it is cut."""
    for size in sizes:
        instance.next_answer("api", json={"value": [{}] * size})
    assert sum(1 for _ in api.items(CUSTOMERS, **options)) == sum(sizes)
    skips = [call.get("$skip") for call in instance.calls("api")]
    assert skips == [None, *(str(sizes[0] * at) for at in range(1, len(sizes)))]


def test_items_follow_next_links_and_then_count_on(service, instance):
    def ids(params, size):
        return [row["Id"] for row in service.items(CUSTOMERS, params, page_size=size)]

    everybody = ids({}, 200)
    assert len(everybody) == len(set(everybody)) == 500
    assert ids({"$top": 120, "$skip": 30}, 50) == everybody[30:150]
    instance.forget_requests()
    assert ids({"$top": 120}, 50) == everybody[:120]
    assert len(instance.calls("api")) == 3


@pytest.mark.parametrize(
    ("link", "code"),
    [("//evil.test/x", "foreign_address"), (f"{CUSTOMERS}?$skiptoken=x", "next_link_repeated")],
)
def test_items_follow_no_link_away_or_in_circles(api, instance, link, code):
    instance.next_answer("api", json={"value": [{}], "@odata.nextLink": link}, times=3)
    with pytest.raises(InvalidResponse, match=code):
        list(api.items(CUSTOMERS))


def test_items_come_on_an_event_loop(api, instance):
    """They end at an empty page, even with a link."""
    for values in ([1, 2], [3], []):
        link = f"{CUSTOMERS}?$skiptoken={len(values)}"
        instance.next_answer("api", json={"value": values, "@odata.nextLink": link})

    async def walk():
        return [item async for item in api.aitems(CUSTOMERS, {"$top": 5}, page_size=5)]

    assert asyncio.run(walk()) == [1, 2, 3]
    assert len(instance.calls("api")) == 3


@pytest.mark.django_db(transaction=True)
def test_async_call_leaves_no_database_connection_open(visitor, instance):
    """Nobody else closes those of the event loop's threads, of which there are many."""
    visitor.sign_in("maria")
    api = SignIn.objects.get().api()
    instance.next_answer("api", status=401)

    async def call():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        assert (await api.arequest("GET", CUSTOMERS)).status_code == 200
        assert await asyncio.to_thread(lambda: connection.connection) is None

    asyncio.run(call())
    assert len(instance.calls("token", "refresh_token")) == 1


@forking
def test_session_shares_no_connection_or_token_across_a_fork(instance):
    api = service_api()
    api.get(CUSTOMERS)
    assert in_child(lambda: api.get(CUSTOMERS)) == 0
    api.get(CUSTOMERS)

    parent, child, parent_again = instance.calls("api")
    assert parent.connection == parent_again.connection != child.connection
    tokens = [call.headers["Authorization"] for call in (parent, child, parent_again)]
    assert tokens[0] == tokens[2] != tokens[1]
    assert len(instance.calls("token", "client_credentials")) == 2


@forking
def test_child_waits_for_a_renewal_in_threads_of_its_own(visitor):
    visitor.sign_in("maria")
    pk = SignIn.objects.get().pk

    def renew():
        renewed = run_async(arenew(pk, 0, wait=True))
        assert renewed is not None
        assert renewed.generation == 1

    renew()
    # The thread is idle then, and would be counted on.
    time.sleep(0.1)
    assert in_child(renew) == 0


@forking
@pytest.mark.parametrize("endpoint", ["discovery", "token", "auto_discovery"])
def test_fork_during_a_look_up_does_not_hold_up_the_child(instance, endpoint):
    instance.next_answer(endpoint, delay=1)
    asking = threading.Thread(target=lambda: service_api().get(CUSTOMERS))
    asking.start()
    instance.wait_for_calls(endpoint)
    # A thread that logs has a lock of the log, which the child would wait for.
    time.sleep(0.1)
    assert in_child(lambda: service_api().get(CUSTOMERS)) == 0
    asking.join()
