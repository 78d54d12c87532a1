"""The server's part in a frame's sign-in; tests/browser/test_frames.py has the browser's part."""

import re
from html import unescape
from urllib.parse import urlencode

import pytest
from django.template import Context, Template
from django.test import RequestFactory

from erpnet_instanceid.models import SignIn

from ..support.refusing import is_write, refusing

FRAME = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe", "Accept": "text/html"}


def frame_headers(site="same-origin"):
    return {**FRAME, "Sec-Fetch-Site": site}


def opened(visitor, address="/signin?next=/private"):
    """Opens the frame; the address of its popup."""
    page = visitor.get(address, headers=frame_headers())
    assert page.status_code == 200
    (address,) = re.findall(r'data-instanceid-popup="([^"]+)"', page.text)
    return unescape(address)


def code_of(visitor, popup):
    """Signs in in the popup; the code that it would hand to the frame."""
    started = visitor.get(popup)
    assert started.headers["Cross-Origin-Opener-Policy"] == "unsafe-none"
    done = visitor.bring(visitor.at(started.headers["Location"]))
    assert done.headers["Cross-Origin-Opener-Policy"] == "unsafe-none"
    (code,) = re.findall(r'data-instanceid-code="([^"]+)"', done.text)
    return code


def test_popup_goes_on_when_another_took_its_answer(visitor):
    """Two frames of a page open theirs at once, and an answer on its way has one cookie."""
    popups = [visitor.get(opened(visitor)).headers["Location"] for _ in range(2)]
    first, second = (visitor.at(started) for started in popups)
    onward = visitor.relay(first.url, urlencode(first.fields)).headers["Location"]
    visitor.bring(second)
    again = visitor.arrive(onward)
    assert again.headers["Cross-Origin-Opener-Policy"] == "unsafe-none"
    done = visitor.bring(visitor.at(again.headers["Location"], None))
    assert "data-instanceid-code" in done.text
    assert visitor.whoami()["user"] == ""


def test_popup_in_a_frame_is_not_sent_to_the_instance(visitor):
    response = visitor.get(opened(visitor), headers=frame_headers())
    assert response.status_code == 200
    assert "data-instanceid-popup" in response.text


def test_popup_asks_for_the_password_where_the_view_wants_it(visitor):
    popup = opened(visitor, "/signin?next=/private&prompt=login&max_age=300")
    started = visitor.get(popup).headers["Location"]
    assert "prompt=login&max_age=300" in started


def test_popup_that_fails_starts_again_for_its_frame(visitor):
    answer = visitor.at(visitor.get(opened(visitor)).headers["Location"])
    failed = visitor.bring(answer, [("state", answer["state"]), ("error", "access_denied")])
    assert failed.headers["Cross-Origin-Opener-Policy"] == "unsafe-none"
    again, somebody_else = re.findall(r'href="(/signin-popup[^"]+)"', failed.text)
    assert "prompt=login" in visitor.get(unescape(somebody_else)).headers["Location"]
    assert redeem(visitor, code_of(visitor, again)).status_code == 302


def redeem(visitor, code):
    return visitor.http.post(
        visitor.site + "/signin-frame?next=/private",
        data={"frame_code": code},
        allow_redirects=False,
    )


def test_frame_redeems_the_code_once(visitor, instance, configure):
    configure(LANGUAGE_FROM_TOKEN=True)
    code = code_of(visitor, opened(visitor))
    assert visitor.whoami()["user"] == ""
    with refusing(is_write):
        assert redeem(visitor, code).status_code == 503
    response = redeem(visitor, code)
    assert (response.status_code, response.headers["Location"]) == (302, "/private")
    assert visitor.whoami()["user"] == "maria"
    assert SignIn.objects.count() == 1
    assert len(instance.calls("token")) == 1
    again = redeem(visitor, code)
    assert again.status_code == 400
    assert "frame_code_refused" in again.text
    assert 'href="/signin?next=%2Fprivate"' in again.text
    assert [cookie.value for cookie in visitor.cookies("django_language")] == ["bg"]


def test_code_is_worth_nothing_to_another_browser(visitor, new_visitor):
    code = code_of(visitor, opened(visitor))
    stranger = new_visitor()
    opened(stranger)
    for thief in (stranger, new_visitor()):
        assert redeem(thief, code).status_code == 400
        assert thief.whoami()["user"] == ""
    assert redeem(visitor, code).status_code == 302


@pytest.mark.parametrize("code", ["", "x", "gAAAAA=="])
def test_forged_code_is_refused(visitor, code):
    opened(visitor)
    assert redeem(visitor, code).status_code == 400


@pytest.mark.parametrize("opener", ["", "x"])
def test_forged_popup_address_starts_nothing(client, instance, opener):
    response = client.get("/signin-popup", {"opener": opener})
    assert response.status_code == 400
    assert not response.cookies


def test_framed_page_names_the_sites_that_may_frame_it(client, configure):
    configure(FRAMED_BY=["https://mycompany.my.erp.net"])
    response = client.get("/signin", headers=frame_headers("cross-site"), secure=True)
    policy = "frame-ancestors 'self' https://mycompany.my.erp.net"
    assert response["Content-Security-Policy"] == policy
    assert "X-Frame-Options" not in response
    lines = [morsel.OutputString() for morsel in response.cookies.values()]
    assert lines
    for line in lines:
        assert {"Secure", "SameSite=None", "Partitioned", "HttpOnly"} <= set(line.split("; "))


def test_frame_is_known_on_its_later_pages(client, configure):
    """Safari tells only of the first page that it belongs to a frame of another site."""
    configure(FRAMED_BY=["https://mycompany.my.erp.net"])
    first = client.get("/plain", headers=frame_headers("cross-site"), secure=True)
    assert list(first.cookies) == ["__Host-erpnet_frame_here"]
    assert first["Cache-Control"] == "private"
    second = client.get("/signin", headers=frame_headers(), secure=True)
    (line,) = (morsel.OutputString() for morsel in second.cookies.values())
    assert "erpnet_frame_" in line
    assert "Partitioned" in line


def test_page_at_top_level_stays_out_of_frames(client, configure):
    configure(FRAMED_BY=["https://mycompany.my.erp.net"])
    assert client.get("/signout")["X-Frame-Options"] == "DENY"


def test_signin_button_has_no_inline_script():
    template = Template("{% load instanceid %}{% signin_button %}")
    context = Context({"request": RequestFactory().get("/orders/?page=2"), "csp_nonce": "n0"})
    html = template.render(context)
    assert 'href="/signin?next=%2Forders%2F%3Fpage%3D2"' in html
    assert re.findall(r"<script[^>]*>(.*?)</script>", html) == [""]
    assert 'nonce="n0"' in html


def test_signin_button_in_a_frame_opens_the_popup(client, configure):
    configure(FRAMED_BY=["https://mycompany.my.erp.net"])
    response = client.get("/button", headers=frame_headers("cross-site"), secure=True)
    assert 'data-instanceid-popup="/signin-popup?opener=' in response.text
    assert response["Cache-Control"] == "private"
    assert len(response.cookies) == 2
    at_top = client.get("/button", secure=True)
    assert "data-instanceid-popup" not in at_top.text
    assert not at_top.cookies
