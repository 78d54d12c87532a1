"""sentry-sdk and OpenTelemetry beside a site where everything fails: neither gets a secret."""

import re
from collections import Counter

import pytest
import requests
from django.conf import settings

from ..support.leaks import Watch
from ..support.visitor import parameters

SECRETS = {
    *("access_token", "refresh_token", "id_token", "logout_token"),
    *("code", "state", "code_verifier", "client_secret"),
}
ENDPOINTS = ["authorize", "token", "api", "revocation", "end_session"]
APPS = [*settings.INSTALLED_APPS, "tests.surroundings.collectors"]
MODES = {
    "form_post": {"API_MAX_BYTES": 10_000},
    "query": {"API_MAX_BYTES": 10_000, "RESPONSE_TYPE": "code", "RESPONSE_MODE": "query"},
}


@pytest.fixture(params=["gunicorn", "uvicorn"])
def kind(request):
    return request.param


@pytest.fixture(params=MODES)
def site(request, sites, instance, kind):
    urls = "tests.surroundings.failing"
    return sites(kind, 1, app=MODES[request.param], ROOT_URLCONF=urls, INSTALLED_APPS=APPS)


class Victim:
    """A visitor, and the secrets of theirs that must come out nowhere."""

    def __init__(self, site, watch):
        self.site, self.watch = site, watch
        self.browser = site.new_browser()

    def fail_at(self, *names):
        requests.get(f"{self.browser.site}/fail", params={"at": names}, timeout=30)

    def sign_in(self, login="maria"):
        # So many sign-ins in a row, one after the other, would be a loop.
        self.browser.http.cookies.clear()
        location = self.browser.start()
        answer = self.browser.at(location, login)
        for name, value in [*parameters(location).items(), *answer.fields]:
            if name in {"state", "nonce", "code", "id_token"}:
                self.watch.learn(name, value)
        status = self.browser.bring(answer).status_code
        self.learn_tokens()
        return status

    def get(self, path):
        status = self.browser.get(path).status_code
        self.learn_tokens()
        return status

    def learn_tokens(self):
        page = self.browser.get("/tokens")
        for name, value in page.json().items() if page.ok else ():
            if name.endswith("_token"):
                self.watch.learn(name, value)


def test_collectors_get_no_secret_whatever_fails(site, instance, figure):
    watch = Watch()
    # The page /age makes a token a minute older.
    instance.set(access_token_lifetime=60)
    victim = Victim(site, watch)
    statuses = [
        *_failing_sign_ins(victim, instance),
        *_failing_calls(victim, instance),
        *_failing_renewals(victim, instance),
        *_failing_sign_outs(victim, instance),
    ]
    for endpoint in ENDPOINTS:
        for request in instance.calls(endpoint):
            watch.learn_from_request_to_instance(request)
    log = site.logs()
    for line in log.splitlines():
        watch.note("log", line)
    sent, spans = (
        Counter(re.findall(r"^sentry (\w+) ", log, re.MULTILINE)),
        log.count('"span_id": "0x'),
    )
    figure(tries=len(statuses), events=sent["event"], transactions=sent["transaction"], spans=spans)
    assert sent["event"] >= statuses.count(500) > 10
    assert min(sent["transaction"], spans) > len(statuses)
    assert watch.known >= SECRETS
    assert watch.leaks() == []


def _failing_sign_ins(victim, instance):
    for name in ("pre_save", "signed_in"):
        victim.fail_at(name)
        yield victim.sign_in()
    victim.fail_at()
    for fault in ({"drop": "after"}, {"body": "<html>"}, {"error": "invalid_grant"}):
        instance.next_token_answer(**fault)
        yield victim.sign_in()
    yield victim.sign_in()


def _failing_calls(victim, instance):
    for page in ("/calls", "/async/calls"):
        instance.next_answer("api", body="x" * 20_000)
        yield victim.get(page)
        instance.next_answer("api", status=302, headers={"Location": "https://evil.test/"})
        yield victim.get(page)
        instance.next_answer("api", drop="before")
        yield victim.get(page)
        yield victim.get(f"{page}?broken=1")
        yield victim.get(f"{page}?url=https://evil.test/")
    yield victim.get("/fails?api=1")


def _failing_renewals(victim, instance):
    victim.fail_at("tokens_refreshed")
    for page in ("/calls", "/async/calls"):
        # The tokens of a sign-in may be renewed at once.
        victim.sign_in()
        instance.next_answer("api", status=401)
        yield victim.get(page)
    victim.browser.get("/age")
    yield victim.get("/whoami")
    victim.fail_at()
    # A visitor whose renewal has failed signs in again.
    for fault in ({"drop": "before", "times": 2}, {"status": 503}, {"body": "{}"}):
        victim.sign_in()
        victim.browser.get("/age")
        instance.next_token_answer(**fault)
        yield victim.get("/calls")


def _failing_sign_outs(victim, instance):
    victim.fail_at("sign_in_ended")
    instance.register(backchannel_url=victim.browser.site + "/backchannel-signout")
    token = instance.logout_token(sub="maria")
    victim.watch.learn("logout_token", token)
    url = victim.browser.site + "/backchannel-signout"
    yield requests.post(url, data={"logout_token": token}, timeout=30).status_code
    yield victim.browser.post("/signout").status_code
