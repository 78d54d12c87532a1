"""Rows LFC of the cases: the instance shows the site's sign-out address in a frame."""

import re
from html import unescape
from urllib.parse import urlencode

import django
import pytest

from erpnet_instanceid import urls
from erpnet_instanceid.models import SignIn

from ..support.forging import claims
from ..support.outcomes import assert_ended, assert_nothing_came_of_it, look

ADDRESS = "/frontchannel-signout"
FRAME = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"}


def frame(visitor, query):
    """The frame's request, with the cookies: for a site and an instance of one domain."""
    return visitor.get(f"{ADDRESS}?{query}", headers=FRAME)


def named(instance, **more):
    return urlencode({"iss": instance.issuer, "sid": SignIn.objects.get(ended=None).sid, **more})


def assert_empty_page(response):
    """200, not stored, and free to be framed."""
    assert response.status_code == 200, response.text
    assert "no-store" in response.headers["Cache-Control"]
    assert "X-Frame-Options" not in response.headers
    assert "frame-ancestors" not in response.headers.get("Content-Security-Policy", "")
    assert response.text == ""


def test_lfc_01_frame_ends_the_session(visitor, instance, ends):
    visitor.sign_in()
    key = visitor.whoami()["session"]

    assert_empty_page(frame(visitor, named(instance)))

    assert_ended(visitor, key)
    assert visitor.cookies("sessionid") == []
    assert ends == [("notice", "maria")]


def test_lfc_01_frame_is_shown_under_any_policy_of_the_site(instance, client, settings):
    # Earlier ones have no such middleware, and a site's own one may not be told from it.
    if django.VERSION >= (6, 0):
        settings.SECURE_CSP = {"default-src": ["'self'"], "frame-ancestors": ["'none'"]}
        csp = "django.middleware.csp.ContentSecurityPolicyMiddleware"
        settings.MIDDLEWARE = [csp, *settings.MIDDLEWARE]
        elsewhere = client.get("/signout").headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in elsewhere

    assert client.get(ADDRESS).headers["Content-Security-Policy"] == "default-src 'none'"


def test_lfc_01_sign_out_that_begins_at_the_instance(visitor, instance):
    instance.register(frontchannel_url=visitor.site + ADDRESS)
    visitor.sign_in()
    key = visitor.whoami()["session"]

    asked = visitor.at_instance.post(
        f"{instance.issuer}/connect/endsession", data={"confirm": "yes"}, allow_redirects=False
    )
    (address,) = re.findall(r'<iframe[^>]* src="([^"]+)"', asked.text)
    assert not instance.has_session("maria")

    assert_empty_page(visitor.get(unescape(address), headers=FRAME))
    assert_ended(visitor, key)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_lfc_01_no_other_view_may_be_framed_elsewhere(visitor, instance, method):
    visitor.sign_in()
    for page in urls.urlpatterns:
        for query in ("", "?code=x&state=y", "?iss=x"):
            address = f"{visitor.site}/{page.pattern}{query}"
            response = visitor.http.request(method, address, allow_redirects=False)
            assert response.status_code < 500, address
            own = response.headers.get("Content-Security-Policy") == "frame-ancestors 'self'"
            is_guarded = own or response.headers.get("X-Frame-Options") == "DENY"
            assert is_guarded != (method == "GET" and ADDRESS in address), address


OTHERS = (
    "iss=ISS&sid=SIDx",
    "iss=ISS&sid=sid",
    "iss=ISS/&sid=SID",
    "iss=https://evil.test/id&sid=SID",
    "iss=ISS",
    "sid=SID",
    "iss=ISS&sid=",
    "iss=&sid=SID",
    "",
    "iss=ISS&sid=SID&sid=SID",
    "iss=ISS&sid=x&sid=SID",
    "iss=ISS&iss=ISS&sid=SID",
    "iss=ISS&sid=%00",
    "iss=ISS&sid=SID%00",
    "iss=ISS&sid=%ff%fe",
    "iss=ISS&sid=%ed%a0%80",
    "iss=ISS&sid=OTHER",
    "iss=ISS&sid[]=SID",
    "iss=ISS&sid=" + "A" * 1_000_000,
)


def test_lfc_02_frame_that_names_another_session_is_ignored(new_visitor, instance, client):
    other = new_visitor()
    other.sign_in("admin")
    other_sid = SignIn.objects.get().sid
    visitor = new_visitor()
    visitor.sign_in()
    sid = SignIn.objects.exclude(sid=other_sid).get().sid
    before = look(visitor, instance), look(other, instance)
    # In process: the live site's server takes no request line of a megabyte.
    client.cookies["sessionid"] = before[0].who["session"]

    for query in OTHERS:
        for word, value in (("ISS", instance.issuer), ("SID", sid), ("OTHER", other_sid)):
            query = query.replace(word, value)
        response = client.get(f"{ADDRESS}?{query}")
        assert (response.status_code, response.content) == (200, b"")

    assert_nothing_came_of_it(visitor, before[0])
    assert_nothing_came_of_it(other, before[1])


def test_lfc_02_empty_sid_ends_no_sign_in_without_a_sid(visitor, instance):
    for token in ("front_id_token", "id_token"):
        instance.change(token, claims(sid="\ud800"))
    visitor.sign_in()
    before = look(visitor, instance)
    assert before.who["user"] == "maria"

    assert_empty_page(frame(visitor, urlencode({"iss": instance.issuer, "sid": ""})))

    assert_nothing_came_of_it(visitor, before)
    # A notice about the person reaches it.
    body = urlencode({"logout_token": instance.logout_token(sub="maria")})
    assert visitor.relay("/backchannel-signout", body).status_code == 200
    assert visitor.whoami()["user"] == ""


def test_lfc_03_frame_without_cookies_finds_nobody(visitor, new_visitor, instance):
    visitor.sign_in()
    before = look(visitor, instance)
    without_cookies = new_visitor()

    assert_empty_page(frame(without_cookies, named(instance)))

    # A documented limit: only the back-channel notice reaches such browsers.
    assert_nothing_came_of_it(visitor, before)
    assert without_cookies.cookies() == []
