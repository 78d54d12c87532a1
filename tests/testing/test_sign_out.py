"""Ending sessions at the stand-in, and the notices it sends."""

from urllib.parse import urlencode

import jwt
import pytest

from erpnet_instanceid.testing import Token, new_key, run_instance

from .conftest import claims

AFTER = "http://localhost:8000/signout-callback"


@pytest.fixture
def site(key):
    """A site whose every address answers with 200: another stand-in, which records what it gets."""
    with run_instance(key=key) as listening:
        listening.always("other", status=200)
        yield listening


def end_session(party, **asked):
    url = f"{party.instance.issuer}/connect/endsession?{urlencode(asked)}"
    return party.http.get(url, allow_redirects=False, timeout=5)


def test_expired_hint_signed_with_an_old_key_is_accepted(instance, party):
    tokens = party.sign_in("maria")
    instance.clock_offset = 3600
    instance.rotate_keys()
    end_session(party, id_token_hint=tokens["id_token"])
    assert not instance.has_session("maria")


def test_without_a_hint_the_person_must_confirm(instance, party):
    party.sign_in("maria")
    page = end_session(party, post_logout_redirect_uri=AFTER)
    assert page.status_code == 200
    assert "Sign out" in page.text
    assert instance.has_session("maria")
    url = f"{instance.issuer}/connect/endsession"
    party.http.post(url, data={"confirm": "yes"}, timeout=5)
    assert not instance.has_session("maria")


def test_forged_hint_is_refused(instance, party):
    tokens = party.sign_in("maria")
    forged = Token.parse(tokens["id_token"], new_key()).serialize()
    answer = end_session(party, id_token_hint=forged, post_logout_redirect_uri=AFTER)
    assert answer.status_code == 400
    assert instance.has_session("maria")


def test_unregistered_return_address_gets_a_page(instance, party):
    instance.register(logout_urls=["http://localhost:8000/bye"])
    tokens = party.sign_in("maria")
    answer = end_session(party, id_token_hint=tokens["id_token"], post_logout_redirect_uri=AFTER)
    assert answer.status_code == 200
    assert AFTER not in answer.text
    assert not instance.has_session("maria")


def test_sign_out_sends_a_logout_token_to_the_site(instance, party, site):
    instance.register(backchannel_url=site.url)
    tokens = party.sign_in("maria")
    end_session(party, id_token_hint=tokens["id_token"])
    (notice,) = instance.notices.wait()
    assert notice.status == 200
    token = site.requests[0]["logout_token"]
    told = claims(token)
    assert jwt.get_unverified_header(token)["typ"] == "logout+jwt"
    assert told["aud"] == instance.application_uri
    assert told["sub"] == "maria"
    assert told["sid"] == claims(tokens["id_token"])["sid"]
    assert told["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert "nonce" not in told
    assert {"jti", "iat", "exp"} <= told.keys()


def test_notice_to_an_unreachable_site_has_no_status(instance, party):
    instance.register(backchannel_url="http://127.0.0.1:9/")
    party.sign_in("maria")
    (notice,) = instance.end_session_of("maria")
    assert notice.status is None


def test_page_that_frames_the_sites_leads_back(instance, party):
    instance.register(frontchannel_url="http://localhost:8000/frontchannel-signout")
    hint = party.sign_in("maria")["id_token"]
    page = end_session(party, id_token_hint=hint, post_logout_redirect_uri=AFTER, state="s")
    assert f"{AFTER}?state=s" in page.text


def test_applications_without_a_sign_in_get_no_notice(instance, party, site):
    party.sign_in("maria")
    instance.register(application_uri="other.example.com", backchannel_url=site.url)
    assert instance.end_session_of("maria") == []
