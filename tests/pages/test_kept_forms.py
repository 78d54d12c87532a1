"""Forms that a sign-in came between: kept for their sender, and shown before they are sent."""

import functools
import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from erpnet_instanceid.models import SignIn

from ..support.ageing import make_old

CSRF = "x" * 64
pytestmark = pytest.mark.urls("tests.api.site")


def assert_form_is_gone(visitor):
    answer = visitor.get("/signin-resume")
    assert answer.status_code == 410
    assert "The form is gone" in answer.text


def csrf_token(page):
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    return token


def send_order(visitor, note="mine", csrf=CSRF, path="/order", **more):
    """Sends the form of a page that is open already, with the CSRF token of then."""
    form = {"note": note} if csrf is None else {"note": note, "csrfmiddlewaretoken": csrf}
    sent = {"data": form, "allow_redirects": False, **more}
    return visitor.http.post(visitor.site + path, **sent)


@pytest.fixture
def stale(visitor, instance):
    """A visitor who has shown long ago who they are."""
    visitor.sign_in("maria")
    make_old(instance, 4000)
    visitor.sign_in("maria")
    return visitor


def test_form_that_met_the_detour_can_be_sent_after_it(stale):
    detour = stale.post("/sensitive", {"amount": "7 & <8>"})
    sent = stale.get(detour.headers["Location"]).headers["Location"]
    assert "prompt=login" in sent
    back = stale.bring(stale.at(sent, "maria"))
    assert back.headers["Location"] == "/signin-resume"
    kept = stale.get("/signin-resume")
    # Of a page that tells nobody where from, browsers send "Origin: null", and Django refuses it.
    assert kept.headers["Referrer-Policy"] == "same-origin"
    assert 'action="/sensitive"' in kept.text
    assert 'name="amount" value="7 &amp; &lt;8&gt;"' in kept.text
    form = {"csrfmiddlewaretoken": csrf_token(kept.text), "amount": "7 & <8>"}
    answer = stale.http.post(stale.site + "/sensitive", data=form)
    assert answer.json() == {"method": "POST", "posted": "7 & <8>"}
    assert_form_is_gone(stale)


def test_form_with_a_file_leads_to_a_fresh_sign_in(stale):
    """An ordinary one would come back as old as before, and the form would meet the same again."""
    answer = stale.post("/sensitive", {"amount": "7"}, files={"scan": b"bytes"})
    assert answer.status_code == 401
    assert "could not be kept" in answer.text
    (link,) = re.findall(r'href="(/signin[^"]*)"', answer.text)
    asked = parse_qs(urlsplit(unescape(link)).query)
    assert asked == {"prompt": ["login"], "max_age": ["300"]}


def sign_in_and_end(instance, sign_in):
    """Signs maria in, and ends that at the instance, which the next page of the site learns."""
    instance.change("token_answer", lambda answer: answer.update(expires_in=0), times=1)
    sign_in("maria")
    instance.revoke_refresh_tokens("maria")


@pytest.fixture
def ended(visitor, instance):
    """A visitor who does not know yet that the instance has ended their sign-in."""
    sign_in_and_end(instance, visitor.sign_in)
    visitor.http.cookies.set("csrftoken", CSRF, domain="localhost.local")
    return visitor


def test_form_sent_after_the_sign_in_ended_is_kept(ended, instance):
    response = send_order(ended, ["tea", "two\nlines"])
    assert response.status_code == 302, response.text
    assert "next=%2Fsignin-resume" in response.headers["Location"]
    assert ended.whoami()["user"] == ""

    back = ended.sign_in("maria", "/signin-resume")
    assert back.headers["Location"] == "/signin-resume"
    page = ended.get("/signin-resume").text
    assert page.count('name="note"') == 2
    assert 'value="two\nlines"' in page
    # A reload of the page loses nothing.
    assert ended.get("/signin-resume").text.count('name="note"') == 2
    # Another form that is sent meanwhile changes nothing.
    ended.post("/order?another", {"note": "milk"})
    assert ended.get("/signin-resume").text.count('name="note"') == 2
    ended.post("/order", {"note": ["tea", "two\nlines"]})
    assert_form_is_gone(ended)


def test_form_of_an_exempt_view_is_kept_whole(ended):
    """Nobody has read it when it is kept: Django's CSRF check leaves the view out."""
    send_order(ended, path="/exempt-order")
    ended.sign_in("maria", "/signin-resume")
    assert 'name="note" value="mine"' in ended.get("/signin-resume").text


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_form_that_django_refuses_to_read_is_not_kept(ended, kind):
    response = send_order(
        ended, path="/exempt-order", data="a=1&" * 1001, headers={"Content-Type": kind}
    )
    assert response.headers["Location"] == "/signin?next=/exempt-order"


def test_kept_form_waits_for_its_sender_to_sign_in(ended):
    """Its page may be opened before, from the browser's history."""
    send_order(ended)

    early = ended.get("/signin-resume")
    assert (early.status_code, early.headers["Location"]) == (302, "/signin?next=%2Fsignin-resume")

    ended.sign_in("maria", "/signin-resume")
    assert 'name="note"' in ended.get("/signin-resume").text


def test_kept_form_is_for_nobody_else(ended, instance):
    send_order(ended)
    ended.at_instance.cookies.clear()
    ended.sign_in("admin", "/signin-resume")
    assert ended.whoami()["user"] == "admin"
    assert_form_is_gone(ended)


@pytest.mark.django_db(transaction=True)
def test_form_that_no_csrf_check_looked_at_is_not_kept(instance_sign_in, instance, settings):
    """Any site can make a visitor's browser send one, and it would be offered as their own."""
    # In process: the live site has loaded its middleware by now.
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Csrf" not in name]
    client = Client(enforce_csrf_checks=True)
    sign_in_and_end(instance, functools.partial(instance_sign_in, client))

    response = client.post("/order", {"a": "9999"}, headers={"Origin": "https://evil.test"})

    assert response["Location"] == "/signin?next=/order"
    instance_sign_in(client, "maria")
    assert client.get("/signin-resume").status_code == 410


@pytest.fixture(params=[False, True], ids=["csrf cookie", "csrf in the session"])
def checked(request, instance_sign_in, instance, settings, transactional_db):
    """As ``ended``, in process; and the CSRF token of the pages that they have open."""
    settings.CSRF_USE_SESSIONS = request.param
    client = Client(enforce_csrf_checks=True)
    sign_in_and_end(instance, functools.partial(instance_sign_in, client))
    # The app's own pages leave the sign-in as it is.
    return client, csrf_token(client.get("/signout").text)


def test_form_is_kept_wherever_its_csrf_secret_is(checked, instance_sign_in):
    client, token = checked
    response = client.post("/order", {"note": "n", "csrfmiddlewaretoken": token})
    assert response["Location"] == "/signin?next=%2Fsignin-resume"
    instance_sign_in(client, "maria")
    assert 'name="note"' in client.get("/signin-resume").text


def test_forged_form_is_refused_wherever_its_csrf_secret_is(checked):
    client, _token = checked
    assert client.post("/order", {"note": "n", "csrfmiddlewaretoken": CSRF}).status_code == 403


def test_form_is_kept_for_an_hour(visitor, instance, later):
    visitor.sign_in("maria")
    SignIn.objects.update(ended=timezone.now(), tokens="")
    instance.next_answer("api", status=401)
    visitor.post("/uncaught", {"note": "n"})
    visitor.sign_in("maria", "/signin-resume")
    # The page that takes the form fails, so the form can be sent again.
    instance.next_answer("api", status=503)
    assert visitor.post("/uncaught", {"note": "n"}).status_code == 503

    later(3590)
    assert 'name="note"' in visitor.get("/signin-resume").text
    later(3602)
    assert_form_is_gone(visitor)


def test_form_of_a_second_tab_is_kept_after_a_sign_in(ended):
    """The sign-in rotated the CSRF token, and Django refuses the one of the page still open."""
    send_order(ended, "tab A")
    ended.sign_in("maria", "/signin-resume")
    ended.post("/order", {"note": "tab A"})

    response = send_order(ended, "tab B")
    assert (response.status_code, response.headers["Location"]) == (303, "/signin-resume")
    assert "tab B" in ended.get("/signin-resume").text


def test_forged_form_is_not_kept_as_a_second_tabs(ended):
    ended.get("/whoami")
    ended.sign_in("maria")
    for forged in (
        {"csrf": None},
        {"csrf": "x" * 32 + "y" * 32},
        {"headers": {"Origin": "https://evil.test"}},
    ):
        assert send_order(ended, **forged).status_code == 403
    assert_form_is_gone(ended)


def test_second_tabs_form_is_kept_for_its_author_alone(ended):
    ended.get("/whoami")
    ended.at_instance.cookies.clear()
    ended.sign_in("admin")
    assert send_order(ended).status_code == 403
    assert_form_is_gone(ended)
