"""Rows CBK of the cases: how the answer reaches the site, and in what shape."""

from __future__ import annotations

import json
import re
import secrets
import socket
import struct
import time
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
import requests
from django.core import mail
from django.http import HttpRequest
from django.urls import include, path

from erpnet_instanceid.testing import AuthorizationAnswer, Instance
from erpnet_instanceid.views.signin import SignInView

from ..support.outcomes import (
    assert_nothing_came_of_it,
    assert_rejected,
    assert_signed_in,
    look,
    within,
)
from ..support.visitor import FORM, Visitor

Fields = list[tuple[str, str]]

LONG = 10 * 1024
SCRIPT = "<script>alert(1)</script>\r\nX-Injected: y\nerpnet_instanceid signed_in"


def test_answer_without_state_has_a_reference_of_its_own(visitor: Visitor) -> None:
    """Whoever reports one is to be found in the log."""
    pages = [visitor.get("/signin-callback").text for _ in range(2)]

    first, second = (re.findall(r"<code>([0-9a-f]{16})</code>", page) for page in pages)
    assert len(first) == len(second) == 1
    assert first != second


class SilentSignInView(SignInView):
    """What a site writes to sign in without a page, and anew."""

    def get_extra_params(self, request: HttpRequest) -> dict[str, Any]:
        return {"prompt": "none", "max_age": 0}


class AskingSignInView(SignInView):
    extra: dict[str, Any] = {}

    def get_extra_params(self, request: HttpRequest) -> dict[str, Any]:
        return self.extra


urlpatterns = [
    path("asking-signin", AskingSignInView.as_view()),
    path("silent-signin", SilentSignInView.as_view()),
    path("", include("tests.urls")),
]


def replaced(answer: AuthorizationAnswer, **values: str | None) -> Fields:
    """The answer's fields, some set to other values or, where that is None, left out."""
    fields = dict(answer.fields) | values
    return [(name, value) for name, value in fields.items() if value is not None]


def error_answer(answer: AuthorizationAnswer, **more: str) -> Fields:
    return [("state", answer["state"]), *more.items()]


# What the instance may answer


def test_cbk_01_silent_sign_in_that_the_instance_declines(
    visitor: Visitor, instance: Instance, settings: Any
) -> None:
    settings.ROOT_URLCONF = __name__
    address = visitor.get("/silent-signin").headers["Location"]
    asked = parse_qs(urlsplit(address).query)
    assert asked["prompt"] == ["none"]
    assert asked["max_age"] == ["0"]
    answer = visitor.at(address, None)
    assert answer.method == "POST"
    assert answer["error"] == "login_required"
    honest = visitor.at(address.replace("prompt=none", "prompt=login"))
    before = look(visitor, instance)

    response = visitor.bring(answer, [*answer.fields, ("error_description", "x")])

    assert_rejected(visitor, response, before, code="login_required", corrected=honest)


@pytest.mark.parametrize("max_age", ["300", 300, None])
def test_sites_own_parameters_may_be_text(
    visitor: Visitor,
    instance: Instance,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    max_age: Any,
) -> None:
    settings.ROOT_URLCONF = __name__
    # The last two are not for the instance, and mean nothing to the start of a sign-in.
    extra = {"max_age": max_age, "login_hint": "maria", "restarts": "1", "target": "/plain"}
    monkeypatch.setattr(AskingSignInView, "extra", extra)
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
        ({"max_age": 0.5}, "max_age in whole seconds, not 0.5"),
        ({"prompt": ["login"]}, "prompt as text, not ['login']"),
        ({"login_hint": 5}, "login_hint as text, not 5"),
    ],
)
def test_sites_own_unusable_parameters_are_named_at_once(
    visitor: Visitor,
    instance: Instance,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    extra: dict[str, Any],
    word: str,
) -> None:
    settings.ROOT_URLCONF = __name__
    monkeypatch.setattr(AskingSignInView, "extra", extra)

    assert visitor.get("/asking-signin").status_code == 500

    (report,) = mail.outbox
    assert "ImproperlyConfigured" in report.body
    assert word in report.body


def test_cbk_01_declined_sign_in_leaves_the_visitor_signed_in(
    visitor: Visitor, instance: Instance
) -> None:
    visitor.sign_in("admin")
    address = visitor.start()
    honest = visitor.at(address, "admin")
    before = look(visitor, instance)
    assert before.who["user"] == "admin"

    response = visitor.bring(honest, error_answer(honest, error="access_denied"))

    assert_rejected(visitor, response, before, code="access_denied", corrected=honest)


@pytest.mark.parametrize(
    ("description", "code"),
    [
        (SCRIPT + "x" * LONG, "access_denied"),
        # This one does not fit the cookie that carries an answer over.
        (SCRIPT + secrets.token_urlsafe(LONG), "answer_too_large"),
    ],
    ids=["compressible", "random"],
)
def test_cbk_04_error_description_injects_nothing(
    visitor: Visitor,
    instance: Instance,
    caplog: pytest.LogCaptureFixture,
    description: str,
    code: str,
) -> None:
    honest = visitor.at(visitor.start())
    fields = error_answer(
        honest,
        error="access_denied",
        error_description=description,
        error_uri="javascript:alert(1)",
    )
    before = look(visitor, instance)

    response = visitor.bring(honest, fields)

    assert_rejected(visitor, response, before, code=code)
    assert "alert(1)" not in response.text
    assert "X-Injected" not in response.headers
    assert len(response.content) < LONG / 2
    lines = [record.getMessage() for record in caplog.records if record.name == "erpnet_instanceid"]
    assert len(lines) == 1
    assert lines[0].startswith("sign_in_failed ")
    assert lines[0].isprintable()
    assert len(lines[0]) < 1000


def test_cbk_04_error_code_injects_nothing(
    visitor: Visitor, instance: Instance, caplog: pytest.LogCaptureFixture
) -> None:
    honest = visitor.at(visitor.start())
    before = look(visitor, instance)

    response = visitor.bring(honest, error_answer(honest, error=SCRIPT))

    assert_rejected(visitor, response, before, code="unknown_error", corrected=honest)
    assert "alert(1)" not in response.text
    assert all(
        record.getMessage().isprintable()
        for record in caplog.records
        if record.name == "erpnet_instanceid"
    )


# Which parameters


@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
@pytest.mark.parametrize("name", ["code", "id_token"])
def test_cbk_05_missing_or_empty_parameter_is_refused(
    visitor: Visitor, instance: Instance, name: str, value: str | None
) -> None:
    honest = visitor.at(visitor.start())
    before = look(visitor, instance)

    response = visitor.bring(honest, replaced(honest, **{name: value}))

    assert_rejected(visitor, response, before, code="parameter_missing", corrected=honest)


@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
def test_cbk_05_answer_without_state_is_refused(
    visitor: Visitor, instance: Instance, value: str | None
) -> None:
    honest = visitor.at(visitor.start())
    before = look(visitor, instance)

    response = visitor.bring(honest, replaced(honest, state=value))

    # It belongs to no attempt, so it ends none.
    assert_rejected(visitor, response, before, code="unknown_attempt")


@pytest.mark.parametrize("order", [1, -1], ids=["right one first", "right one last"])
@pytest.mark.parametrize("name", ["code", "id_token", "iss", "state"])
def test_cbk_07_parameter_that_stands_twice_is_refused(
    visitor: Visitor, instance: Instance, name: str, order: int
) -> None:
    address = visitor.start()
    honest, other = visitor.at(address), visitor.at(visitor.start())
    right = {"iss": instance.issuer, **dict(honest.fields)}[name]
    wrong = {"iss": "https://evil.test/id", **dict(other.fields)}[name]
    rest = replaced(honest, **{name: None})
    pair = [(name, right), (name, wrong)][::order]
    before = look(visitor, instance)

    response = visitor.bring(honest, [*rest, *pair])

    # By the state that stands first, where there are two, the attempt is known that this ends.
    spent = other if (name, order) == ("state", -1) else honest
    assert_rejected(visitor, response, before, code="parameter_repeated", corrected=spent)


@pytest.mark.parametrize("name", ["code", "id_token", "state"])
def test_cbk_07_repeated_parameter_with_one_value_is_refused(
    visitor: Visitor, instance: Instance, name: str
) -> None:
    honest = visitor.at(visitor.start())
    before = look(visitor, instance)

    response = visitor.bring(honest, [*honest.fields, (name, honest[name])])

    assert_rejected(visitor, response, before, code="parameter_repeated", corrected=honest)


# Which way


def brought_by_get(
    visitor: Visitor, answer: AuthorizationAnswer, fields: Fields
) -> requests.Response:
    address = urlsplit(answer.url).path
    return visitor.carried(visitor.arrive(f"{address}?{urlencode(fields)}"))


def test_cbk_09_answer_by_get_with_a_code_alone_signs_in(
    visitor: Visitor, instance: Instance
) -> None:
    honest = visitor.at(visitor.start("/private"))
    before = look(visitor, instance)

    response = brought_by_get(visitor, honest, replaced(honest, id_token=None))

    assert_signed_in(visitor, response, before, target="/private")


def test_cbk_09_get_answer_with_another_code_is_refused(
    visitor: Visitor, new_visitor: Callable[[], Visitor], instance: Instance
) -> None:
    instance.pkce = "ignored"
    stolen = new_visitor()
    code = stolen.at(stolen.start(), "admin")["code"]
    honest = visitor.at(visitor.start())
    before = look(visitor, instance)

    response = brought_by_get(visitor, honest, replaced(honest, id_token=None, code=code))

    assert_rejected(
        visitor, response, before, token_requests=1, code="claim_mismatch", corrected=honest
    )


def test_cbk_09_id_token_in_a_query_is_refused(visitor: Visitor, instance: Instance) -> None:
    honest = visitor.at(visitor.start())
    before = look(visitor, instance)

    response = brought_by_get(visitor, honest, honest.fields)

    assert_rejected(visitor, response, before, code="unexpected_parameter", corrected=honest)


def test_cbk_09_code_flow_answered_by_a_form_signs_in(
    visitor: Visitor, instance: Instance, configure: Callable[..., None]
) -> None:
    configure(RESPONSE_TYPE="code")
    answer = visitor.at(visitor.start("/private"))
    assert answer.method == "GET"
    before = look(visitor, instance)

    response = visitor.carried(visitor.relay(answer.url, urlencode(answer.fields)))

    assert_signed_in(visitor, response, before, target="/private")


@pytest.mark.parametrize("in_query", [True, False])
def test_cbk_09_id_token_in_the_code_flow_is_refused(
    visitor: Visitor, instance: Instance, configure: Callable[..., None], in_query: bool
) -> None:
    hybrid = visitor.at(visitor.start())
    configure(RESPONSE_TYPE="code")
    answer = visitor.at(visitor.start())
    fields = [*answer.fields, ("id_token", hybrid["id_token"])]
    before = look(visitor, instance)

    if in_query:
        response = visitor.bring(answer, fields)
    else:
        response = visitor.carried(visitor.relay(answer.url, urlencode(fields)))

    assert_rejected(visitor, response, before, code="unexpected_parameter", corrected=answer)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_cbk_09_other_methods_are_not_allowed(
    visitor: Visitor, instance: Instance, method: str
) -> None:
    honest = visitor.at(visitor.start())
    before = look(visitor, instance)

    for query in ("", f"?{urlencode(replaced(honest, id_token=None))}"):
        response = visitor.http.request(
            method,
            f"{visitor.site}/signin-callback{query}",
            data=urlencode(honest.fields),
            headers={"Content-Type": FORM},
            allow_redirects=False,
            timeout=10,
        )
        assert response.status_code == 405
        assert_nothing_came_of_it(visitor, before)


def multipart(answer: AuthorizationAnswer) -> tuple[bytes, str]:
    files: Any = {
        "code": (None, answer["code"]),
        "state": (None, answer["state"]),
        "id_token": ("id_token.txt", answer["id_token"], "text/plain"),
    }
    prepared = requests.Request("POST", "http://x", files=files).prepare()
    assert isinstance(prepared.body, bytes)
    return prepared.body, prepared.headers["Content-Type"]


@pytest.mark.parametrize(
    "encode",
    [
        lambda answer: (json.dumps(dict(answer.fields)), "application/json"),
        lambda answer: (urlencode(answer.fields), "text/plain"),
        multipart,
        lambda answer: (urlencode(answer.fields), None),
        lambda answer: (urlencode(answer.fields), f"{FORM}; charset=utf-16"),
        lambda answer: (urlencode(answer.fields).encode("utf-16"), f"{FORM}; charset=utf-16"),
        lambda answer: (urlencode(answer.fields).encode("utf-16"), FORM),
        lambda answer: (urlencode(answer.fields), f"{FORM}; charset=nonsense"),
        lambda answer: ("", FORM),
    ],
    ids=[
        "json",
        "text",
        "multipart",
        "no type",
        "said to be utf-16",
        "utf-16",
        "utf-16, not said",
        "unknown charset",
        "nothing",
    ],
)
def test_cbk_10_body_that_is_no_form_is_refused(
    visitor: Visitor,
    instance: Instance,
    encode: Callable[[AuthorizationAnswer], tuple[str | bytes, str | None]],
) -> None:
    honest = visitor.at(visitor.start())
    body, content_type = encode(honest)
    before = look(visitor, instance)

    response = visitor.carried(visitor.relay(honest.url, body, content_type))

    assert_rejected(visitor, response, before)
    # Anybody can make the browser send such a thing: it does not cost the visitor their attempt.
    assert_signed_in(visitor, visitor.bring(honest), before)


# Which characters, and how many


ODD = {
    "NUL": lambda right: "%00",
    "NUL after": lambda right: quote(right) + "%00",
    "no utf-8": lambda right: "%ff%fe",
    "not ASCII": lambda right: quote("é中"),
    "zero width space": lambda right: quote(right + "\u200b"),
    "raw bytes": lambda right: quote(right) + "\xff",
    "lone surrogate": lambda right: "%ed%a0%80",
}


@pytest.mark.parametrize("spell", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize("name", ["state", "code", "id_token", "error", "iss"])
def test_cbk_12_odd_characters_are_refused(
    visitor: Visitor, instance: Instance, name: str, spell: Callable[[str], str]
) -> None:
    honest = visitor.at(visitor.start())
    right = {"error": "access_denied", "iss": instance.issuer, **dict(honest.fields)}[name]
    rest = urlencode(replaced(honest, **{name: None}))
    body = f"{rest}&{name}={spell(right)}".encode("latin-1")
    before = look(visitor, instance)

    response = visitor.carried(visitor.relay(honest.url, body))

    # A state that nobody issued belongs to no attempt, so it ends none.
    assert_rejected(visitor, response, before, corrected=None if name == "state" else honest)


@pytest.mark.parametrize("spell", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize("name", ["state", "code", "error", "iss"])
def test_cbk_12_odd_characters_in_a_query_are_refused(
    visitor: Visitor,
    instance: Instance,
    configure: Callable[..., None],
    name: str,
    spell: Callable[[str], str],
) -> None:
    configure(RESPONSE_TYPE="code")
    answer = visitor.at(visitor.start())
    right = {"error": "access_denied", "iss": instance.issuer, **dict(answer.fields)}[name]
    rest = urlencode(replaced(answer, **{name: None}))
    before = look(visitor, instance)

    response = visitor.arrive(f"/signin-callback?{rest}&{name}={spell(right)}")

    assert_rejected(visitor, response, before, corrected=None if name == "state" else answer)


MEGABYTE = 1024 * 1024


@pytest.mark.parametrize("filler", ["x", None], ids=["repeated", "random"])
@pytest.mark.parametrize(
    ("name", "size"), [("state", MEGABYTE), ("code", MEGABYTE), ("id_token", 3 * MEGABYTE)]
)
def test_cbk_13_oversized_parameter_is_refused(
    visitor: Visitor, instance: Instance, name: str, size: int, filler: str | None
) -> None:
    honest = visitor.at(visitor.start())
    value = filler * size if filler else secrets.token_urlsafe(size)
    body = urlencode(replaced(honest, **{name: value}))
    before = look(visitor, instance)

    with within(1):
        response = visitor.carried(visitor.relay(honest.url, body))

    assert_rejected(visitor, response, before, code="answer_too_large")


def test_cbk_13_oversized_body_is_not_even_read(visitor: Visitor, instance: Instance) -> None:
    parts = urlsplit(visitor.site)
    head = f"POST /signin-callback HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {FORM}\r\n"
    before = look(visitor, instance)

    with socket.create_connection((parts.hostname, parts.port), timeout=10) as site:
        site.sendall(f"{head}Content-Length: {3 * MEGABYTE}\r\n\r\nid_token=".encode())
        status = site.makefile("rb").readline()

    assert status.startswith(b"HTTP/1.1 400 ")
    assert_nothing_came_of_it(visitor, before)


@pytest.mark.parametrize("path", ["/signin-callback", "/backchannel-signout"])
def test_cbk_13_disconnected_sender_causes_no_error_report(
    visitor: Visitor, instance: Instance, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    parts = urlsplit(visitor.site)
    head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {FORM}\r\n"
    before = look(visitor, instance)

    with socket.create_connection((parts.hostname, parts.port), timeout=10) as site:
        site.sendall(f"{head}Content-Length: 1000\r\n\r\nid_token=".encode())
        time.sleep(0.2)
        # Closes it at once, and tells the site so while that reads.
        site.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    gives_up_at = time.monotonic() + 10
    while "not_form" not in caplog.text and not mail.outbox:
        assert time.monotonic() < gives_up_at
        time.sleep(0.02)
    assert mail.outbox == []
    assert_nothing_came_of_it(visitor, before)


@pytest.mark.parametrize("size", [4 * 1024, 60 * 1024, 250 * 1024])
@pytest.mark.parametrize("name", ["state", "code", "id_token"])
def test_cbk_13_large_parameter_is_refused(
    visitor: Visitor, instance: Instance, name: str, size: int
) -> None:
    honest = visitor.at(visitor.start())
    before = look(visitor, instance)

    for filler in ("x" * size, secrets.token_urlsafe(size * 3 // 4)):
        with within(1):
            response = visitor.bring(honest, replaced(honest, **{name: filler}))
        assert_rejected(visitor, response, before)


def test_cbk_13_five_thousand_fields_are_refused(visitor: Visitor, instance: Instance) -> None:
    honest = visitor.at(visitor.start())
    fields = [*honest.fields, *((f"field{number}", "x") for number in range(5000))]
    before = look(visitor, instance)

    with within(1):
        response = visitor.bring(honest, fields)

    assert_rejected(visitor, response, before, code="not_form")


# Whose answer


def test_cbk_14_access_token_in_the_answer_is_not_used(
    visitor: Visitor, new_visitor: Callable[[], Visitor], instance: Instance
) -> None:
    issued: list[str] = []
    instance.change("token_answer", lambda fields: issued.append(fields["access_token"]))
    other = new_visitor()
    other.sign_in("admin")
    honest = visitor.at(visitor.start())
    more = [("access_token", issued[0]), ("token_type", "Bearer"), ("expires_in", "3600")]
    before = look(visitor, instance)

    response = visitor.bring(honest, [*honest.fields, *more])

    assert_signed_in(visitor, response, before)
    assert visitor.get("/customers").status_code == 200
    assert len(issued) == 2
    for request in instance.calls("api"):
        assert request.headers["Authorization"] == f"Bearer {issued[1]}"
    assert issued[0].encode() not in b"".join(request.body for request in instance.requests)


FOREIGN_ISSUERS: dict[str, Callable[[str], str]] = {
    "foreign": lambda issuer: "https://evil.test/id",
    "slash": lambda issuer: issuer + "/",
    "upper case": lambda issuer: issuer.upper(),
    "port": lambda issuer: re.sub(r":\d+", ":443", issuer),
    "host in upper case": lambda issuer: issuer.replace("127.0.0.1", "LOCALHOST"),
    "longer": lambda issuer: issuer + "1",
}


@pytest.mark.parametrize("change", FOREIGN_ISSUERS.values(), ids=FOREIGN_ISSUERS.keys())
@pytest.mark.parametrize("error", [False, True], ids=["code", "error"])
@pytest.mark.parametrize("advertised", [False, True], ids=["", "advertised"])
@pytest.mark.parametrize("response_type", ["code id_token", "code"])
def test_cbk_15_answer_of_another_issuer_is_refused(
    visitor: Visitor,
    instance: Instance,
    configure: Callable[..., None],
    change: Callable[[str], str],
    error: bool,
    advertised: bool,
    response_type: str,
) -> None:
    configure(RESPONSE_TYPE=response_type)
    instance.send_iss = advertised
    honest = visitor.at(visitor.start())
    fields = replaced(honest, iss=change(instance.issuer))
    if error:
        fields = error_answer(honest, error="access_denied", iss=change(instance.issuer))
    before = look(visitor, instance)

    response = visitor.bring(honest, fields)

    assert_rejected(visitor, response, before, code="claim_mismatch", corrected=honest)


def test_cbk_15_missing_issuer_is_refused_if_promised(
    visitor: Visitor, instance: Instance, configure: Callable[..., None]
) -> None:
    configure(RESPONSE_TYPE="code")
    instance.send_iss = True
    honest = visitor.at(visitor.start())
    before = look(visitor, instance)

    response = visitor.bring(honest, replaced(honest, iss=None))

    assert_rejected(visitor, response, before, code="claim_missing", corrected=honest)


def test_cbk_15_id_token_beside_the_code_may_name_the_issuer(
    visitor: Visitor, instance: Instance
) -> None:
    """RFC 9207 2.4: a token that names the issuer does as well."""
    instance.send_iss = True
    answer = visitor.at(visitor.start())
    before = look(visitor, instance)

    response = visitor.bring(answer, replaced(answer, iss=None))

    assert_signed_in(visitor, response, before)


@pytest.mark.parametrize("response_type", ["code id_token", "code"])
def test_cbk_17_right_issuer_that_nobody_promised_signs_in(
    visitor: Visitor,
    instance: Instance,
    configure: Callable[..., None],
    response_type: str,
) -> None:
    configure(RESPONSE_TYPE=response_type)
    answer = visitor.at(visitor.start())
    before = look(visitor, instance)

    response = visitor.bring(answer, replaced(answer, iss=instance.issuer))

    assert_signed_in(visitor, response, before)


# What the responses say


def assert_carries_nothing_away(
    response: requests.Response, answer: AuthorizationAnswer | None = None
) -> None:
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


def assert_cookies_are_guarded(response: requests.Response, *, https: bool) -> None:
    found = 0
    for line in response.raw.headers.getlist("Set-Cookie"):
        cookie = SimpleCookie(line)
        ((name, morsel),) = cookie.items()
        if "erpnet_" not in name:
            continue
        found += 1
        assert morsel["httponly"]
        assert morsel["samesite"] == "Lax"
        assert morsel["path"] == "/"
        assert not morsel["domain"]
        assert int(morsel["max-age"]) <= 3600
        assert bool(morsel["secure"]) is https
        assert name.startswith("__Host-") is https
    assert found, "no cookie of ours"


@pytest.mark.parametrize("https", [True, False], ids=["https", "http"])
@pytest.mark.parametrize("same_site", ["Lax", "Strict", "None"])
@pytest.mark.parametrize("outcome", ["signed in", "refused", "declined"])
def test_cbk_18_responses_are_private(
    new_visitor: Callable[..., Visitor],
    instance: Instance,
    settings: Any,
    https: bool,
    same_site: str,
    outcome: str,
) -> None:
    settings.SESSION_COOKIE_SAMESITE = same_site
    settings.SESSION_COOKIE_SECURE = https
    visitor = new_visitor(https=https)

    started = visitor.get("/signin")
    assert_carries_nothing_away(started)
    assert_cookies_are_guarded(started, https=https)

    answer = visitor.at(started.headers["Location"])
    fields = {
        "signed in": answer.fields,
        "refused": replaced(answer, code="another"),
        "declined": error_answer(answer, error="access_denied"),
    }[outcome]
    relayed = visitor.relay(answer.url, urlencode(fields))
    assert relayed.status_code == (200 if same_site == "Strict" else 303)
    assert_carries_nothing_away(relayed, answer)
    assert_cookies_are_guarded(relayed, https=https)

    finished = visitor.carried(relayed)
    assert finished.status_code == (302 if outcome == "signed in" else 400)
    assert_carries_nothing_away(finished, answer)
    assert_cookies_are_guarded(finished, https=https)
    # Attempt and answer are taken off the browser, whatever became of them.
    left = [(cookie.name, str(cookie.value)) for cookie in visitor.cookies("erpnet_")]
    if outcome == "signed in":
        ((name, mark),) = left
        assert name.removeprefix("__Host-") == "erpnet_arrived"
        assert re.fullmatch(r"1\.\d{10}", mark)
    else:
        assert left == []


def test_cbk_18_refused_form_is_private(visitor: Visitor, instance: Instance) -> None:
    response = visitor.relay("/signin-callback", "{}", "application/json")
    assert response.status_code == 400
    assert_carries_nothing_away(response)


def test_cbk_18_answer_in_a_query_is_private(
    visitor: Visitor, instance: Instance, configure: Callable[..., None]
) -> None:
    configure(RESPONSE_TYPE="code")
    answer = visitor.at(visitor.start())
    for fields in (replaced(answer, code="another"), answer.fields):
        assert_carries_nothing_away(visitor.bring(answer, fields), answer)


def test_cbk_19_callback_needs_no_csrf_token(visitor: Visitor, instance: Instance) -> None:
    answer = visitor.at(visitor.start())
    before = look(visitor, instance)
    assert_signed_in(visitor, visitor.bring(answer), before)


@pytest.mark.parametrize(
    "page",
    ["signin", "signout", "signout-callback", "initiate-signin", "frontchannel-signout"],
)
def test_cbk_19_other_posts_need_a_csrf_token(
    visitor: Visitor, instance: Instance, page: str
) -> None:
    visitor.sign_in()
    before = look(visitor, instance)

    response = visitor.http.post(
        f"{visitor.site}/{page}",
        data={"iss": instance.issuer},
        allow_redirects=False,
        timeout=10,
    )

    assert response.status_code == 403
    assert_nothing_came_of_it(visitor, before)
