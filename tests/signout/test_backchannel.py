"""Rows LBC of the cases: the instance tells the site that a session is over.

``tests/oidc/test_id_token.py`` has each fault of a logout token; one of each row comes by HTTP.
"""

from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex

import pytest
import requests
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.base import SessionBase
from django.db import OperationalError

from erpnet_instanceid.models import Account, SignIn
from erpnet_instanceid.signout.notices import end_named_sign_ins

from ..support.backend import assert_fits
from ..support.forging import MISSING, claims, header, several
from ..support.outcomes import (
    assert_ended,
    assert_nothing_came_of_it,
    assert_notice_refused,
    begin,
    look,
)
from ..support.sessions import SessionStore
from ..support.visitor import FORM

ADDRESS = "/backchannel-signout"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


def notify(site, logout_token, **more):
    """The instance's own POST: no browser, no cookie."""
    form = {"logout_token": logout_token, **more}
    return requests.post(site + ADDRESS, form, timeout=30)


def assert_accepted(response):
    assert response.status_code == 200, response.text
    assert "no-store" in response.headers["Cache-Control"]
    assert response.cookies == {}
    assert response.text == ""


def signed_in(new_visitor, login="maria"):
    """Somebody with a browser of their own, signed in; their session's key."""
    visitor = new_visitor()
    visitor.sign_in(login)
    who = visitor.whoami()
    assert who["user"] == login
    return visitor, who["session"]


def sid_of(key):
    """The instance's name of the session that a Django session belongs to."""
    return SignIn.objects.get(session_key=key, ended=None).sid


def test_lbc_01_named_session_ends_at_once(new_visitor, instance):
    visitor, key = signed_in(new_visitor)
    instance.register(backchannel_url=visitor.site + ADDRESS)

    (notice,) = instance.end_session_of("maria")

    assert notice.status == 200
    assert "no-store" in notice.headers["Cache-Control"]
    assert SignIn.objects.get(session_key=key).ended is not None
    assert_ended(visitor, key)
    # Back through the instance, and signed in anew.
    visitor.sign_in()
    assert visitor.whoami()["user"] == "maria"


def test_lbc_01_session_ends_also_under_a_later_key(new_visitor, instance):
    visitor, first = signed_in(new_visitor)
    session = instance.sessions_of("maria")[0]
    visitor.get("/cycle")
    key = visitor.whoami()["session"]
    assert key != first

    assert_accepted(notify(visitor.site, instance.logout_token("maria", session.sid)))

    assert_ended(visitor, key)


@pytest.mark.parametrize("earlier", ["maria", "admin"])
def test_lbc_01_session_ends_that_another_sign_in_had_begun(new_visitor, instance, earlier):
    visitor, first = signed_in(new_visitor, earlier)
    visitor.at_instance.cookies.clear()
    visitor.sign_in("maria")
    (cookie,) = visitor.cookies("sessionid")
    key = str(cookie.value)
    assert key != first
    # Straight away: no other page has been asked for since.
    sid = SignIn.objects.get(ended=None).sid

    assert_accepted(notify(visitor.site, instance.logout_token("maria", sid)))

    assert_ended(visitor, key)


ISSUER = "https://op.test/id"
NOTICE = {"iss": ISSUER, "jti": "1", "iat": 1000}


@pytest.fixture
def sessions(db):
    """Maria's sign-ins m1 and m2, the administrator's a, and one of Maria's at another instance."""
    for sid, sub, issuer in [
        ("m1", "maria", ISSUER),
        ("m2", "maria", ISSUER),
        ("a", "admin", ISSUER),
        ("m1", "maria", "https://other.test/id"),
    ]:
        user, _ = get_user_model().objects.get_or_create(username=f"{sub} of {issuer}")
        account, _ = Account.objects.get_or_create(
            fingerprint=user.username, defaults={"user": user, "issuer": issuer, "sub": sub}
        )
        SignIn.objects.create(attempt=f"{sid} {issuer}", account=account, sid=sid, issued_at=1000)


@pytest.mark.parametrize(
    ("named", "ended"),
    [
        pytest.param({"sid": "m1"}, {"m1"}, id="lbc_13 sid alone"),
        pytest.param({"sub": "maria"}, {"m1", "m2"}, id="lbc_14 sub alone"),
        pytest.param({"sub": "maria", "sid": "m1"}, {"m1"}, id="lbc_15 sub and sid"),
        pytest.param({"sub": "maria.ivanova", "sid": "m1"}, {"m1"}, id="lbc_15 renamed since"),
        pytest.param({"sub": "admin", "sid": "m1"}, set(), id="lbc_16 sub of another"),
        pytest.param({"sid": "unknown"}, set(), id="lbc_17 unknown sid"),
        pytest.param({"sub": "nobody"}, set(), id="lbc_17 unknown sub"),
        pytest.param({"sub": "maria", "sid": "unknown"}, set(), id="lbc_17 known sub"),
        pytest.param({"sub": "MARIA"}, set(), id="lbc_17 other case"),
        pytest.param({"sub": "maria", "iat": 939}, set(), id="lbc_18 late"),
        pytest.param({"sub": "maria", "iat": 940}, {"m1", "m2"}, id="fld_15 slow node"),
    ],
)
def test_notice_ends_what_it_names(sessions, named, ended):
    assert end_named_sign_ins({**NOTICE, **named}) == len(ended)

    rows = SignIn.objects.exclude(ended=None)
    assert {(row.sid, row.account.issuer) for row in rows} == {(sid, ISSUER) for sid in ended}


@pytest.mark.parametrize("named", [{"sub": "maria"}, {"sid": None}], ids=["sub", "sid"])
def test_lbc_18_token_sent_again_ends_no_later_sign_in(new_visitor, instance, named):
    visitor, key = signed_in(new_visitor)
    if "sid" in named:
        named = {**named, "sid": sid_of(key)}
    token = instance.logout_token(**named)
    assert_accepted(notify(visitor.site, token))
    assert_ended(visitor, key)
    # The instance's own session goes on, so that the sid is the same one.
    visitor.sign_in()
    before = look(visitor, instance)
    assert before.who["user"] == "maria"

    response = notify(visitor.site, token)

    assert response.status_code in (200, 400)
    assert_nothing_came_of_it(visitor, before)
    assert visitor.get("/customers").status_code == 200
    # A new notice does end it.
    assert_accepted(notify(visitor.site, instance.logout_token(**named)))
    assert_ended(visitor, before.who["session"])


@pytest.fixture
def stuck_keys():
    """Session keys that cannot be deleted; the test empties it when the store is back."""
    yield SessionStore.stuck
    SessionStore.stuck.clear()


def test_lbc_19_a_notice_that_failed_can_be_sent_again(sessions, stuck_keys, settings):
    settings.SESSION_ENGINE = "tests.support.sessions"
    SignIn.objects.filter(sid="m2").update(session_key="stuck")
    stuck_keys.add("stuck")
    with pytest.raises(OperationalError):
        end_named_sign_ins({**NOTICE, "sub": "maria"})
    assert SignIn.objects.get(sid="m2").ended is None

    stuck_keys.clear()
    end_named_sign_ins({**NOTICE, "sub": "maria"})

    assert not SignIn.objects.filter(account__sub="maria", account__issuer=ISSUER, ended=None)


NO_NOTICES = [
    (b"", FORM),
    (b"other=x", FORM),
    (b"logout_token=", FORM),
    (b"logout_token=TOKEN&logout_token=TOKEN", FORM),
    (b"logout_token=TOKEN&logout_token=", FORM),
    (b"logout_token=garbage", FORM),
    (b"logout_token=a.b.c", FORM),
    (b"logout_token=TOKENx", FORM),
    (b"logout_token=TOKEN%00", FORM),
    (b"logout_token=%00", FORM),
    ("logout_token=токен".encode(), FORM),
    (b"logout_token=%ff%fe", FORM),
    (b"logout_token=" + b"A" * 2_000_000, FORM),
    (b"logout_token=TOKEN&x=" + b"A" * 2_000_000, FORM),
    (b"&".join(b"a%d=x" % n for n in range(5000)) + b"&logout_token=TOKEN", FORM),
    # tests/signin/test_posted.py has more of this kind.
    (b'{"logout_token": "TOKEN"}', "application/json"),
]


def test_lbc_20_malformed_notice_is_refused(new_visitor, instance):
    visitor, key = signed_in(new_visitor)
    token = instance.logout_token("maria", sid_of(key))
    before = look(visitor, instance)

    for body, content_type in NO_NOTICES:
        response = visitor.relay(ADDRESS, body.replace(b"TOKEN", token.encode()), content_type)
        assert_notice_refused(response, visitor, before)
        assert "maria" not in response.text
        assert token[:40] not in response.text
    # Nothing is wrong with the token itself.
    assert_accepted(notify(visitor.site, token))
    assert_ended(visitor, key)


def test_lbc_20_only_a_post_is_a_notice(new_visitor, instance):
    visitor, key = signed_in(new_visitor)
    named = {"logout_token": instance.logout_token("maria", sid_of(key))}
    before = look(visitor, instance)

    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        response = visitor.http.request(
            method, visitor.site + ADDRESS, params=named, data=named, allow_redirects=False
        )
        assert response.status_code == 405
        assert_nothing_came_of_it(visitor, before)


def test_lbc_21_23_optional_members_of_a_notice_are_accepted(new_visitor, instance):
    visitor, key = signed_in(new_visitor)
    events = {EVENT: {"reason": "expired"}, "http://schemas.openid.net/event/foobar": {"a": 1}}
    more = claims(events=events, x_unknown={"a": [1, None]}, iat=lambda iat: iat + 20, nbf=MISSING)
    instance.change("logout_token", several(more, header(typ="at+jwt")))
    token = instance.logout_token("maria", sid_of(key))

    assert_accepted(notify(visitor.site, token, client_id="x", foo=["bar", "baz"]))

    assert_ended(visitor, key)


def test_lbc_22_other_tokens_are_no_notices(visitor, instance):
    answers = []
    instance.change("token_answer", lambda answer: answers.append(dict(answer)))
    attempt = begin(visitor, instance)
    attempt.bring()
    before = look(visitor, instance)

    for token in (attempt.answer["id_token"], answers[0]["id_token"], answers[0]["access_token"]):
        assert_notice_refused(notify(visitor.site, token), visitor, before)


def test_lbc_24_keys_that_cannot_be_fetched(new_visitor, instance):
    visitor, key = signed_in(new_visitor)
    sid = sid_of(key)
    known = instance.logout_token("maria", sid)
    instance.always("jwks", status=503)
    instance.rotate_keys()
    unknown = instance.logout_token("maria", sid)
    before = look(visitor, instance)

    # Looked for once in a while: tests/oidc/test_provider.py.
    for status in (503, 400, 400):
        assert_notice_refused(notify(visitor.site, unknown), visitor, before, status=status)
    assert len(instance.calls("jwks")) == 2
    # A key that is known needs no fetching.
    assert_accepted(notify(visitor.site, known))
    assert_ended(visitor, key)


@pytest.mark.django_db(transaction=True)
def test_key_of_a_sites_own_engine_fits(client, instance_sign_in, settings, monkeypatch):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    monkeypatch.setattr(SessionBase, "_get_new_session_key", lambda _session: token_hex(64))
    instance_sign_in(client, "maria")
    assert_fits(SignIn.objects.get())


def _named(instance, by):
    (session,) = instance.sessions_of("maria")
    return {"sid": session.sid} if by == "sid" else {"sub": "maria"}


@pytest.mark.parametrize("by", ["sid", "sub"])
@pytest.mark.parametrize("flow", ["code id_token", "code"])
def test_fld_15_notice_before_the_callback_counts(visitor, instance, configure, flow, by):
    """The instance's node that issues the tokens is ahead of the one that sends notices."""
    configure(RESPONSE_TYPE=flow)
    answer = visitor.at(visitor.start())
    token = instance.logout_token(**_named(instance, by))
    instance.change("id_token", lambda token: token.claims.update(iat=token.claims["iat"] + 20))
    assert_accepted(notify(visitor.site, token))

    response = visitor.bring(answer)

    assert response.status_code == 400
    assert "has just ended this sign-in" in response.text
    assert visitor.whoami()["user"] == ""
    assert not SignIn.objects.exists()


@pytest.mark.parametrize("by", ["sid", "sub"])
def test_fld_15_notice_during_the_token_request_counts(visitor, instance, by):
    answer = visitor.at(visitor.start())
    token = instance.logout_token(**_named(instance, by))
    instance.next_token_answer(delay=1)
    with ThreadPoolExecutor(max_workers=1) as pool:
        callback = pool.submit(visitor.bring, answer)
        instance.wait_for_calls("token")
        assert_accepted(notify(visitor.site, token))
        assert callback.result().status_code == 400

    assert visitor.whoami()["user"] == ""


def test_fld_15_notice_about_somebody_else_stops_nobody(visitor, instance):
    answer = visitor.at(visitor.start())
    (session,) = instance.sessions_of("maria")
    for named in ({"sub": "admin"}, {"sid": "another"}, {"sid": session.sid, "sub": "admin"}):
        assert_accepted(notify(visitor.site, instance.logout_token(**named)))

    assert visitor.bring(answer).status_code == 302

    assert visitor.whoami()["user"] == "maria"
