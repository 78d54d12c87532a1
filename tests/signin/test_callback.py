"""Rows CBK of the cases: how the answer reaches the site, and in what shape.

``tests/oidc/test_authorization.py`` has each fault of an answer; here each kind comes once by HTTP.
"""

import itertools
import re
import secrets
import socket
import struct
import time
from contextlib import contextmanager
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.urls import include, path

from erpnet_instanceid.views.signin import SignInView

from ..support.outcomes import (
    assert_nothing_came_of_it,
    assert_rejected,
    assert_signed_in,
    begin,
    look,
    within,
)
from ..support.visitor import FORM

LONG = 10 * 1024
SCRIPT = "<script>alert(1)</script>\r\nX-Injected: y\nerpnet_instanceid signed_in"


def test_answer_without_state_has_a_reference_of_its_own(visitor):
    """By this reference the operator finds a reported page in the log."""
    pages = [visitor.get("/signin-callback").text for _ in range(2)]

    first, second = (re.findall(r"<code>([0-9a-f]{16})</code>", page) for page in pages)
    assert len(first) == len(second) == 1
    assert first != second


class AskingSignInView(SignInView):
    """A site's own view, with parameters of its own."""

    extra = {}

    def get_extra_params(self, request):
        return self.extra


urlpatterns = [
    path("asking-signin", AskingSignInView.as_view()),
    path("", include("tests.urls")),
]


@pytest.fixture
def asks_for(settings, monkeypatch):
    """Sets the parameters of the site's own view."""
    settings.ROOT_URLCONF = __name__
    return lambda **extra: monkeypatch.setattr(AskingSignInView, "extra", extra)


def test_unexpected_error_shows_no_secret(visitor, instance, configure):
    """The watch over each test finds the code in the report of an error."""
    attempt = begin(visitor, instance)
    # Nothing that could be sent.
    configure(APPLICATION_SECRET="\ud800")
    assert visitor.bring(attempt.answer).status_code == 500


# Errors of the instance


def test_cbk_01_silent_sign_in_that_the_instance_declines(visitor, instance, asks_for):
    asks_for(prompt="none", max_age=0)
    address = visitor.get("/asking-signin").headers["Location"]
    asked = parse_qs(urlsplit(address).query)
    assert (asked["prompt"], asked["max_age"]) == (["none"], ["0"])
    answer = visitor.at(address, None)
    assert (answer.method, answer["error"]) == ("POST", "login_required")
    honest = visitor.at(address.replace("prompt=none", "prompt=login"))
    before = look(visitor, instance)

    response = visitor.bring(answer, [*answer.fields, ("error_description", "x")])

    assert_rejected(visitor, response, before, code="login_required", corrected=honest)


@pytest.mark.parametrize("max_age", ["300", None])
def test_sites_own_parameters_may_be_text(visitor, instance, asks_for, max_age):
    # The last two are not for the instance, and mean nothing to the start of a sign-in.
    asks_for(max_age=max_age, login_hint="maria", restarts="1", target="/plain")
    before = look(visitor, instance)

    address = visitor.get("/asking-signin").headers["Location"]

    asked = parse_qs(urlsplit(address).query)
    assert asked.get("max_age") == (["300"] if max_age else None)
    assert asked["login_hint"] == ["maria"]
    assert_signed_in(visitor, visitor.bring(visitor.at(address)), before)


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        ({"max_age": "soon"}, "max_age in whole seconds, not 'soon'"),
        ({"max_age": -1}, "max_age in whole seconds, not -1"),
        ({"max_age": True}, "max_age in whole seconds, not True"),
        ({"prompt": ["login"]}, "prompt as text, not ['login']"),
    ],
)
def test_sites_own_unusable_parameters_are_named_at_once(rf, asks_for, extra, word):
    asks_for(**extra)
    with pytest.raises(ImproperlyConfigured, match=re.escape(word)):
        AskingSignInView.as_view()(rf.get("/asking-signin"))


def test_cbk_01_declined_sign_in_leaves_the_visitor_signed_in(visitor, instance):
    visitor.sign_in("admin")
    attempt = begin(visitor, instance, "admin")
    assert attempt.before.who["user"] == "admin"

    response = attempt.decline("access_denied")

    attempt.assert_refused(response, "access_denied")
    # The same person first.
    again, other = response.text.index(">Try again<"), response.text.index("prompt=login")
    assert again < other


def test_cbk_04_error_description_injects_nothing(visitor, instance, caplog):
    attempt = begin(visitor, instance)
    hostile = {"error_description": SCRIPT + "x" * LONG, "error_uri": "javascript:alert(1)"}

    response = attempt.decline("access_denied", **hostile)

    attempt.assert_refused(response, "access_denied")
    assert "alert(1)" not in response.text
    assert "X-Injected" not in response.headers
    assert len(response.content) < LONG / 2
    line = next(line for line in caplog.messages if line.startswith("sign_in_failed "))
    assert line.isprintable()
    assert len(line) < 1000


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("unauthorized_client", "unauthorized_client"),
        ("invalid_client", "unknown_error"),
        ("issuer_mismatch", "unknown_error"),
        ("MaximumLicenseCountExceeded", "unknown_error"),
    ],
)
def test_fld_18_error_in_an_answer_is_only_hearsay(visitor, instance, caplog, error, code):
    """It is neither one of our own codes nor a reason to call the operator."""
    attempt = begin(visitor, instance)

    response = attempt.decline(error)

    attempt.assert_refused(response, code)
    assert "The instance did not complete this sign-in" in response.text
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    assert f"told='{error}'" in caplog.text


# Which parameters


def test_cbk_05_hybrid_answer_needs_its_id_token(visitor, instance):
    attempt = begin(visitor, instance)
    attempt.assert_refused(attempt.bring(id_token=""), "parameter_missing")


def test_cbk_07_first_of_two_states_names_the_attempt_that_ends(visitor, instance):
    first, second = begin(visitor, instance), begin(visitor, instance)
    fields = [("state", second.answer["state"]), *first.answer.fields]

    response = visitor.bring(first.answer, fields)

    second.assert_refused(response, "parameter_repeated")
    first.assert_signed_in()


# Which way


def by_get(attempt, fields):
    address = urlsplit(attempt.answer.url).path
    return attempt.visitor.carried(attempt.visitor.arrive(f"{address}?{urlencode(fields)}"))


def by_post(attempt, fields):
    return attempt.visitor.carried(attempt.visitor.relay(attempt.answer.url, urlencode(fields)))


@pytest.mark.parametrize(
    ("response_type", "bring"), [("code id_token", by_get), ("code", by_post)], ids=["GET", "POST"]
)
@pytest.mark.parametrize("has_id_token", [False, True])
def test_cbk_09_answer_that_comes_another_way(
    visitor, instance, configure, response_type, bring, has_id_token
):
    """Its code is taken; an ID token is refused in a query, and in the code flow."""
    id_token = begin(visitor, instance).answer["id_token"] if has_id_token else None
    configure(RESPONSE_TYPE=response_type)
    attempt = begin(visitor, instance, next_url="/private")

    response = bring(attempt, attempt.changed(id_token=id_token))

    if has_id_token:
        attempt.assert_refused(response, "unexpected_parameter")
    else:
        attempt.assert_signed_in(response, target="/private")


def test_cbk_09_other_methods_are_not_allowed(visitor, instance):
    attempt = begin(visitor, instance)
    address = f"{visitor.site}/signin-callback?{urlencode(attempt.changed(id_token=None))}"
    for method in ("PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
        body, headers = urlencode(attempt.answer.fields), {"Content-Type": FORM}
        response = visitor.http.request(method, address, data=body, headers=headers, timeout=10)
        assert response.status_code == 405, method
    assert_nothing_came_of_it(visitor, attempt.before)


# Which characters, and how many


ODD = {
    "NUL after": lambda right: quote(right) + "%00",
    "no utf-8": lambda right: "%ff%fe",
    "zero width space": lambda right: quote(right + "\u200b"),
    "raw bytes": lambda right: quote(right) + "\xff",
}


@pytest.mark.parametrize(
    ("response_type", "names"),
    [("code id_token", ["state", "code", "id_token", "error", "iss"]), ("code", ["state", "code"])],
    ids=["form", "query"],
)
def test_cbk_12_odd_characters_are_refused(visitor, instance, configure, response_type, names):
    configure(RESPONSE_TYPE=response_type)
    for name, spell in itertools.product(names, ODD.values()):
        attempt = begin(visitor, instance)
        right = {"error": "x", "iss": instance.issuer, **dict(attempt.answer.fields)}
        rest = urlencode(attempt.changed(**{name: None}))
        query = f"{rest}&{name}={spell(right[name])}"

        if response_type == "code":
            response = visitor.arrive(f"/signin-callback?{query}")
        else:
            response = visitor.carried(visitor.relay(attempt.answer.url, query.encode("latin-1")))

        # A state that nobody issued belongs to no attempt, so it ends none.
        attempt.assert_refused(response, is_over=name != "state")


MEGABYTE = 1024 * 1024


@contextmanager
def sending(visitor, path, length):
    """A connection that has sent the beginning of a form of so many bytes."""
    parts = urlsplit(visitor.site)
    head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {FORM}\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as site:
        site.sendall(f"{head}Content-Length: {length}\r\n\r\nid_token=".encode())
        yield site


def test_cbk_13_oversized_body_is_not_even_read(visitor, instance):
    before = look(visitor, instance)

    with sending(visitor, "/signin-callback", 3 * MEGABYTE) as site:
        assert site.makefile("rb").readline().startswith(b"HTTP/1.1 400 ")

    assert_nothing_came_of_it(visitor, before)


@pytest.mark.parametrize("path", ["/signin-callback", "/backchannel-signout"])
def test_cbk_13_disconnected_sender_causes_no_error_report(visitor, instance, caplog, path):
    before = look(visitor, instance)

    with sending(visitor, path, 1000) as site:
        time.sleep(0.2)
        # Closes it at once, and tells the site so while that reads.
        site.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    gives_up_at = time.monotonic() + 10
    while "not_form" not in caplog.text and not mail.outbox:
        assert time.monotonic() < gives_up_at
        time.sleep(0.02)
    assert mail.outbox == []
    assert_nothing_came_of_it(visitor, before)


def test_cbk_13_large_parameter_is_refused(visitor, instance):
    attempt = begin(visitor, instance)
    for name in ("state", "code", "id_token"):
        for filler in ("x" * 3 * MEGABYTE, "x" * 60_000, secrets.token_urlsafe(MEGABYTE // 4)):
            with within(1):
                response = attempt.bring(**{name: filler})
            attempt.assert_refused(response, is_over=False)
    with within(1):
        response = attempt.bring(**{f"field{number}": "x" for number in range(5000)})
    attempt.assert_refused(response, "not_form", is_over=False)


@pytest.mark.parametrize("response_type", ["code id_token", "code"])
def test_cbk_15_issuer_that_is_promised_may_not_be_missing(
    visitor, instance, configure, response_type
):
    """RFC 9207 2.4: an ID token beside the code names it as well."""
    configure(RESPONSE_TYPE=response_type)
    instance.send_iss = True
    attempt = begin(visitor, instance)
    response = attempt.bring(iss=None)
    if response_type == "code":
        attempt.assert_refused(response, "claim_missing")
    else:
        attempt.assert_signed_in(response)


def test_cbk_17_right_issuer_that_nobody_promised_signs_in(visitor, instance):
    attempt = begin(visitor, instance)
    attempt.assert_signed_in(attempt.bring(iss=instance.issuer))


# Headers and cookies of the responses


def assert_carries_nothing_away(response, answer=None):
    assert "no-store" in response.headers["Cache-Control"]
    assert response.headers["Referrer-Policy"] == "no-referrer"
    for address in re.findall(r'(?:src|href|action|url)=["\']?([^"\'> ]+)', response.text):
        assert re.match(r"/(?!/)", address), f"a resource elsewhere: {address}"
    if answer is None:
        return
    for name in ("state", "code", "id_token"):
        if value := answer.get(name):
            assert value not in response.text
            assert value not in response.headers.get("Location", "")


def assert_cookies_are_guarded(response, *, https):
    lines = response.raw.headers.getlist("Set-Cookie")
    of_ours = SimpleCookie("; ".join(line for line in lines if "erpnet_" in line))
    assert of_ours, "no cookie of ours"
    for name, morsel in of_ours.items():
        assert morsel["httponly"]
        assert morsel["samesite"] == "Lax"
        assert morsel["path"] == "/"
        assert not morsel["domain"]
        assert int(morsel["max-age"]) <= 3600
        assert bool(morsel["secure"]) is https
        assert name.startswith("__Host-") is https


@pytest.mark.parametrize(("https", "same_site"), [(True, "strict"), (True, "None"), (False, "Lax")])
@pytest.mark.parametrize("outcome", ["signed in", "refused"])
def test_cbk_18_responses_are_private(new_visitor, settings, https, same_site, outcome):
    settings.SESSION_COOKIE_SAMESITE = same_site
    settings.SESSION_COOKIE_SECURE = https
    visitor = new_visitor(https=https)

    started = visitor.get("/signin")
    assert_carries_nothing_away(started)
    assert_cookies_are_guarded(started, https=https)

    answer = visitor.at(started.headers["Location"])
    wrong = [] if outcome == "signed in" else [("iss", "https://evil.test/id")]
    relayed = visitor.relay(answer.url, urlencode([*answer.fields, *wrong]))
    assert relayed.status_code == (200 if same_site == "strict" else 303)
    assert_carries_nothing_away(relayed, answer)
    assert_cookies_are_guarded(relayed, https=https)

    finished = visitor.carried(relayed)
    assert finished.status_code == (302 if outcome == "signed in" else 400)
    assert_carries_nothing_away(finished, answer)
    assert_cookies_are_guarded(finished, https=https)
    # The cookies of attempt and answer are deleted in each case.
    left = [(cookie.name, str(cookie.value)) for cookie in visitor.cookies("erpnet_")]
    if outcome == "signed in":
        ((name, mark),) = left
        assert name.removeprefix("__Host-") == "erpnet_arrived"
        assert re.fullmatch(r"1\.\d{10}", mark)
    else:
        assert left == []


def test_cbk_18_refused_form_is_private(visitor):
    response = visitor.relay("/signin-callback", "{}", "application/json")
    assert response.status_code == 400
    assert "(not_form)" in response.text
    assert_carries_nothing_away(response)


def test_cbk_18_answer_in_a_query_is_private(visitor, instance, configure):
    configure(RESPONSE_TYPE="code")
    for changes in ({"code": "another"}, {}):
        attempt = begin(visitor, instance)
        assert_carries_nothing_away(attempt.bring(**changes), attempt.answer)


def test_cbk_19_other_posts_need_a_csrf_token(visitor, instance):
    visitor.sign_in()
    before = look(visitor, instance)
    form = {"iss": instance.issuer}
    for page in "signin", "signout", "signout-callback", "initiate-signin", "frontchannel-signout":
        response = visitor.http.post(f"{visitor.site}/{page}", data=form, allow_redirects=False)
        assert response.status_code == 403, page
    assert_nothing_came_of_it(visitor, before)
