"""Rows REQ of the cases: the authorization request."""

import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest
from django.contrib.sessions.models import Session

from erpnet_instanceid.models import SignIn

from ..support.outcomes import assert_signed_in, look
from ..support.visitor import parameters


@pytest.mark.parametrize("slash", ["", "/"])
def test_req_01_request_has_the_registered_parameters(visitor, instance, configure, slash):
    registered = f"{visitor.site}/signin-callback{slash}"
    instance.register(login_urls=[registered])
    if slash:
        configure(CALLBACK_URL=registered)
    location = visitor.start("/private")

    asked = parameters(location)
    assert location.startswith(f"{instance.issuer}/connect/authorize?")
    # tests/oidc/test_authorization.py has these.
    assert all(asked.pop(name) for name in ("state", "nonce", "code_challenge"))
    assert asked == {
        "response_type": "code id_token",
        "response_mode": "form_post",
        "client_id": instance.application_uri,
        "redirect_uri": registered,
        "scope": "openid profile offline_access read",
        "code_challenge_method": "S256",
        "ui_locales": "en",
    }

    before = look(visitor, instance)
    response = visitor.bring(visitor.at(location))

    assert_signed_in(visitor, response, before, target="/private")
    assert instance.calls("token")[0]["redirect_uri"] == registered


def test_req_04_pkce_is_s256_for_any_metadata(visitor, instance):
    plain = {"code_challenge_methods_supported": ["plain"]}
    instance.change("discovery", lambda told: told.update(plain))

    asked = parameters(visitor.start())

    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43


def test_req_05_forwarded_host_is_not_believed(visitor):
    for headers in (
        {"X-Forwarded-Host": "evil.test", "X-Forwarded-Port": "8443"},
        {"Forwarded": "host=evil.test"},
        {"X-Original-Host": "evil.test", "X-Rewrite-URL": "https://evil.test/"},
    ):
        response = visitor.get("/signin", headers=headers)
        asked = parameters(response.headers["Location"])
        assert asked["redirect_uri"] == f"{visitor.site}/signin-callback"
        assert "evil.test" not in str(response.headers)
    assert visitor.get("/signin", headers={"Host": "evil.test"}).status_code == 400


def test_req_05_callback_url_stands_above_any_host(visitor, configure, settings):
    settings.ALLOWED_HOSTS = ["*"]
    configure(CALLBACK_URL="https://rp.test/signin-callback")

    moved = visitor.get("/signin", headers={"Host": "evil.test"}).headers["Location"]
    assert moved == "https://rp.test/signin?moved=1"
    # Also where a proxy hides the host that the browser asked for.
    response = visitor.get("/signin?moved=1", headers={"Host": "evil.test"})

    asked = parameters(response.headers["Location"])
    assert asked["redirect_uri"] == "https://rp.test/signin-callback"


def test_req_06_two_hundred_unfinished_sign_ins(visitor, instance):
    # This page fills one attempt's cookie nearly to its own limit.
    page = f"/private?q={'x' * 300}"
    for _ in range(200):
        location = visitor.start(page)
        sent = sum(len(f"{c.name}={c.value}; ") for c in visitor.cookies())
        assert sent < 4096
    assert 1 < len(visitor.cookies("erpnet_signin_")) <= 20
    assert Session.objects.count() == 0
    assert SignIn.objects.count() == 0

    before = look(visitor, instance)
    assert_signed_in(visitor, visitor.bring(visitor.at(location)), before, target=page)


def test_few_starts_wait_while_the_instance_hangs(new_visitor, instance):
    """The next visitors get a page that tries again by itself."""
    instance.next_answer("discovery", delay=2)
    visitors = [new_visitor() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        answers = list(
            threads.map(lambda visitor: visitor.get("/signin?next=/plain&max_age=60"), visitors)
        )
    assert sorted(answer.status_code for answer in answers) == [302, 302, 503, 503]
    told = next(answer.text for answer in answers if answer.status_code == 503)
    assert "metadata_pending" in told
    (again,) = re.findall(r'content="1;url=([^"]+)"', told)
    assert visitors[0].get(unescape(again)).status_code == 302
