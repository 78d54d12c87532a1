"""Rows LRP of the cases: a visitor signs out, here and then at the instance."""

import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import jwt
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session

from erpnet_instanceid.models import SignIn

from ..support.outcomes import (
    assert_ended,
    assert_nothing_came_of_it,
    assert_rejected,
    look,
    within,
)
from ..support.visitor import parameters


def replayed(visitor, new_visitor):
    """Another browser, with the cookies that this one has now."""
    other = new_visitor()
    for cookie in visitor.http.cookies:
        other.http.cookies.set_cookie(cookie)
    return other


@pytest.mark.parametrize("home", [None, "/plain"], ids=["own page", "LOGOUT_REDIRECT_URL"])
def test_lrp_01_signs_out_here_and_at_the_instance(visitor, instance, settings, home):
    settings.LOGOUT_REDIRECT_URL = home
    back = f"{visitor.site}/signout-callback"
    instance.register(logout_urls=[back])
    # An ID token lives for five minutes: by the time of the sign-out it has ended.
    instance.clock_offset = -310
    issued = []
    instance.change("token_answer", lambda answer: issued.append(answer["id_token"]))
    visitor.sign_in()
    key = visitor.whoami()["session"]
    assert instance.open_refresh_tokens == 1

    # So long a page is not carried along.
    response = visitor.post("/signout", {"next": "/plain?" + "x" * 2000})

    assert response.status_code == 302
    # The address that follows holds the ID token.
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert_ended(visitor, key)
    assert SignIn.objects.get(session_key=key).ended is not None
    location = response.headers["Location"]
    assert location.startswith(f"{instance.issuer}/connect/endsession?")
    sent = parameters(location)
    assert set(sent) == {"id_token_hint", "post_logout_redirect_uri", "state"}
    assert [sent["id_token_hint"]] == issued
    claims = jwt.decode(sent["id_token_hint"], options={"verify_signature": False})
    assert claims["exp"] < time.time()
    assert sent["post_logout_redirect_uri"] == back
    assert 22 <= len(sent["state"]) <= 400
    # The tokens are revoked before the visitor's browser reaches the instance.
    assert instance.open_refresh_tokens == 0
    assert len(instance.calls("revocation")) == 1
    assert instance.has_session("maria")

    answer = visitor.at_instance.get(location, allow_redirects=False)
    assert not instance.has_session("maria")
    assert answer.headers["Location"] == f"{back}?{urlencode({'state': sent['state']})}"
    landed = visitor.arrive(answer.headers["Location"])
    assert landed.headers.get("Location") == home
    assert landed.status_code == (302 if home else 200)
    assert_ended(visitor, key)


def test_lrp_01_ends_at_the_instance_if_the_site_wants_so(visitor, instance, configure):
    configure(POST_LOGOUT_URL="")
    visitor.sign_in()

    location = visitor.post("/signout").headers["Location"]

    assert set(parameters(location)) == {"id_token_hint"}
    page = visitor.at_instance.get(location, allow_redirects=False)
    assert page.status_code == 200
    assert not instance.has_session("maria")


def test_lrp_02_03_return_with_a_wrong_or_missing_state(visitor, instance, configure):
    visitor.sign_in()
    key = visitor.whoami()["session"]
    location = visitor.post("/signout", {"next": "/plain"}).headers["Location"]
    state = parameters(location)["state"]

    for query in (
        f"state={state}_INVALID",
        f"state=x&state={state}_INVALID",
        "state=%ff%00%e2%80%8b",
        "state=" + "A" * 20_000,
        "",
        "state=",
    ):
        response = visitor.arrive(f"/signout-callback?{query}")
        # The page to go on to was in the state: without it there is one of our own.
        assert response.status_code == 200
        assert "You are signed out" in response.text
        assert "no-store" in response.headers["Cache-Control"]
        assert state not in response.text
    assert_ended(visitor, key)
    # The right one leads on.
    assert visitor.arrive(f"/signout-callback?state={state}").headers["Location"] == "/plain"


def test_lrp_04_a_get_signs_nobody_out(visitor, instance):
    visitor.sign_in()
    before = look(visitor, instance)
    for method in ("GET", "HEAD"):
        for destination in ("document", "image", "iframe"):
            # With all cookies, as for SameSite=None.
            headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": destination}
            response = visitor.http.request(method, visitor.site + "/signout", headers=headers)
            assert response.status_code in (200, 405)
            assert response.headers["X-Frame-Options"] == "DENY"
    assert_nothing_came_of_it(visitor, before)


@pytest.mark.parametrize("same_site", ["Lax", "Strict", "None"])
def test_lrp_04_a_post_without_our_token_signs_nobody_out(visitor, instance, settings, same_site):
    settings.SESSION_COOKIE_SAMESITE = settings.CSRF_COOKIE_SAMESITE = same_site
    visitor.sign_in()
    visitor.csrf_token()
    before = look(visitor, instance)
    for form in ("", "csrfmiddlewaretoken=", "csrfmiddlewaretoken=" + "x" * 64):
        assert visitor.relay("/signout", form).status_code == 403
    assert_nothing_came_of_it(visitor, before)


def test_lrp_05_instance_that_offers_no_end_session(visitor, instance):
    instance.change("discovery", lambda document: document.pop("end_session_endpoint") and None)
    visitor.sign_in()
    key = visitor.whoami()["session"]

    response = visitor.post("/signout")

    assert response.headers["Location"] == "/signout-callback"
    assert visitor.get("/signout-callback").status_code == 200
    assert_ended(visitor, key)
    assert instance.open_refresh_tokens == 0


@pytest.mark.parametrize("fault", [{"status": 503}, {"hold": 30}], ids=["503", "silent"])
@pytest.mark.parametrize("cache", ["cold", "warm"])
def test_lrp_05_instance_that_is_down(visitor, instance, configure, cache, fault):
    configure(DEADLINE=0.3)
    visitor.sign_in()
    key = visitor.whoami()["session"]
    for endpoint in ("discovery", "jwks", "token", "revocation"):
        instance.always(endpoint, **fault)
    if cache == "cold":
        # Changed settings discard the cached metadata, as a new process would.
        configure()

    with within(2):
        response = visitor.post("/signout")

    assert response.status_code == 302
    if cache == "cold":
        assert response.headers["Location"] == "/signout-callback"
    else:
        assert response.headers["Location"].startswith(f"{instance.issuer}/connect/endsession?")
    assert_ended(visitor, key)


def test_lrp_05_visitor_with_a_local_password_signs_out_here(visitor, instance):
    get_user_model().objects.create_superuser("local", password="with a password")
    visitor.post("/admin/password/", {"username": "local", "password": "with a password"})
    who = visitor.whoami()
    assert who["user"] == "local"

    response = visitor.post("/signout")

    assert response.headers["Location"] == "/signout-callback"
    assert_ended(visitor, who["session"])
    assert instance.requests == []


def test_lrp_05_a_double_click(visitor, new_visitor, instance):
    visitor.sign_in()
    key = visitor.whoami()["session"]
    token = visitor.csrf_token()
    browsers = [visitor, *(replayed(visitor, new_visitor) for _ in range(3))]
    # The first request is still under way while the others arrive.
    instance.always("revocation", delay=0.2)

    def sign_out(browser):
        return browser.post("/signout", {"csrfmiddlewaretoken": token}).headers["Location"]

    with ThreadPoolExecutor(len(browsers)) as pool:
        locations = [*pool.map(sign_out, browsers)]
    # Once more from the page that is still open.
    locations.append(sign_out(visitor))

    first, *others = sorted(locations, reverse=True)
    assert first.startswith(f"{instance.issuer}/connect/endsession?")
    assert others == ["/signout-callback"] * len(browsers)
    assert_ended(visitor, key)
    assert len(instance.calls("revocation")) == 1


def test_lrp_06_return_that_nobody_asked_for(visitor, new_visitor, instance):
    attacker = new_visitor()
    attacker.sign_in("admin")
    state = parameters(attacker.post("/signout").headers["Location"])["state"]
    visitor.sign_in()
    before = look(visitor, instance)

    for query in ("", "?state=x", f"?{urlencode({'state': state})}"):
        assert visitor.arrive(f"/signout-callback{query}").status_code in (200, 302)

    assert_nothing_came_of_it(visitor, before)
    assert visitor.get("/customers").status_code == 200


def test_lrp_06_return_of_long_ago_leads_nowhere(visitor, later):
    visitor.sign_in()
    state = parameters(visitor.post("/signout", {"next": "/plain"}).headers["Location"])["state"]
    back = f"/signout-callback?{urlencode({'state': state})}"

    later(3590)
    assert visitor.arrive(back).headers["Location"] == "/plain"
    later(3602)
    assert visitor.arrive(back).status_code == 200


def test_lrp_07_nothing_of_before_counts_afterwards(visitor, new_visitor, instance):
    address = visitor.start("/private")
    answer = visitor.at(address)
    unfinished = replayed(visitor, new_visitor)
    visitor.bring(answer)
    assert len(instance.calls("token")) == 1
    key = visitor.whoami()["session"]
    signed_in = replayed(visitor, new_visitor)

    visitor.at_instance.get(visitor.post("/signout").headers["Location"])

    assert_ended(visitor, key)
    assert instance.open_refresh_tokens == 0
    # The old session's cookie.
    assert_ended(signed_in, key)
    assert signed_in.get("/customers").status_code == 302
    # The old answer, without the attempt's cookie, and with it.
    before = look(visitor, instance)
    assert_rejected(visitor, visitor.bring(answer), before, code="unknown_attempt")
    before = look(unfinished, instance)
    response = unfinished.bring(answer)
    # Claimed before: the visitor is asked at the instance, where nobody knows them either.
    assert response.headers["Location"].startswith(f"{instance.issuer}/connect/authorize?")
    assert_nothing_came_of_it(unfinished, before)
    assert unfinished.at(response.headers["Location"], None).method == ""


def test_lrp_08_the_other_browser_stays_signed_in(new_visitor, instance):
    office, phone = new_visitor(), new_visitor()
    office.sign_in()
    phone.sign_in()
    key = office.whoami()["session"]
    stays = phone.whoami()
    assert stays["user"] == "maria"
    assert stays["session"] != key

    office.at_instance.get(office.post("/signout").headers["Location"])

    assert_ended(office, key)
    assert phone.whoami() == stays
    assert phone.get("/customers").status_code == 200
    assert instance.open_refresh_tokens == 1
    assert SignIn.objects.filter(ended=None).count() == 1


def test_sign_out_waits_three_seconds_for_the_revocation(visitor, instance, atomic_requests):
    """The wait is a courtesy, and holds nobody up: with ATOMIC_REQUESTS the row would be locked."""
    visitor.sign_in()
    key = visitor.whoami()["session"]
    instance.next_answer("revocation", hold=6)
    with ThreadPoolExecutor(1) as pool, within(4.5):
        leaving = pool.submit(visitor.post, "/signout")
        instance.wait_for_calls("revocation")
        with within(1):
            Group.objects.create(name="written meanwhile")
        # It is over here already.
        assert SignIn.objects.get().ended is not None
        assert not Session.objects.filter(session_key=key).exists()
        location = leaving.result().headers["Location"]
    assert location.startswith(f"{instance.issuer}/connect/endsession?")
    assert_ended(visitor, key)
