"""Rows LBC of the cases: the instance tells the site that a session is over.

``tests/oidc/test_id_token.py`` has each fault of a logout token; one of each row comes by HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.cache import cache
from pytest_django.live_server_helper import LiveServer

from erpnet_instanceid.models import SignIn
from erpnet_instanceid.testing import Instance, Token

from ..support.forging import MISSING, Forge, claims, header, several
from ..support.outcomes import (
    assert_ended,
    assert_nothing_came_of_it,
    assert_notice_refused,
    begin,
    look,
)
from ..support.places import LOGOUT
from ..support.sessions import SessionStore
from ..support.visitor import FORM, Visitor

Configure = Callable[..., None]
NewVisitor = Callable[..., Visitor]

ADDRESS = "/backchannel-signout"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


def notify(site: str, logout_token: str, **more: Any) -> requests.Response:
    """The instance's own POST: no browser, no cookie."""
    return requests.post(
        site + ADDRESS,
        data={"logout_token": logout_token, **more},
        headers={"Connection": "close"},
        allow_redirects=False,
        timeout=30,
    )


def assert_accepted(response: requests.Response) -> None:
    assert response.status_code == 200, response.text
    assert "no-store" in response.headers["Cache-Control"]
    assert response.cookies == {}
    assert response.text == ""


def signed_in(new_visitor: NewVisitor, login: str = "maria") -> tuple[Visitor, str]:
    """Somebody with a browser of their own, signed in; their session's key."""
    visitor = new_visitor()
    visitor.sign_in(login)
    who = visitor.whoami()
    assert who["user"] == login
    return visitor, who["session"]


def sid_of(key: str) -> str:
    """The instance's name of the session that a Django session belongs to."""
    return SignIn.objects.get(session_key=key, ended=None).sid


def test_lbc_01_named_session_ends_at_once(new_visitor: NewVisitor, instance: Instance) -> None:
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


def test_lbc_01_session_ends_also_under_a_later_key(
    new_visitor: NewVisitor, instance: Instance
) -> None:
    visitor, first = signed_in(new_visitor)
    session = instance.sessions_of("maria")[0]
    visitor.get("/cycle")
    key = visitor.whoami()["session"]
    assert key != first

    assert_accepted(notify(visitor.site, instance.logout_token("maria", session.sid)))

    assert_ended(visitor, key)


@pytest.mark.parametrize("earlier", ["maria", "admin"])
def test_lbc_01_session_ends_that_another_sign_in_had_begun(
    new_visitor: NewVisitor, instance: Instance, earlier: str
) -> None:
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


def unsigned(token: Token) -> None:
    token.header["alg"] = "none"
    token.signature = b""


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(unsigned, id="lbc_02 unsigned"),
        pytest.param(header(alg="ES256"), id="lbc_03 other algorithm"),
        pytest.param(claims(events=MISSING), id="lbc_04 no events"),
        pytest.param(
            claims(events={"http://schemas.openid.net/event/foobar": {}}), id="lbc_05 other event"
        ),
        pytest.param(claims(nonce="x"), id="lbc_06 with a nonce"),
        pytest.param(claims(aud=lambda aud: aud + "INVALID"), id="lbc_08 longer aud"),
        pytest.param(claims(iss=lambda iss: iss + "INVALID"), id="lbc_09 longer iss"),
        pytest.param(claims(sub="", sid=None), id="lbc_10 both void"),
        pytest.param(claims(exp=lambda exp: exp - 600), id="lbc_11 expired"),
    ],
)
def test_notice_that_fails_a_check_is_refused(
    visitor: Visitor, instance: Instance, forge: Forge
) -> None:
    LOGOUT.assert_refused(visitor, instance, forge)


@pytest.mark.parametrize("sub", [None, "maria"], ids=["sid alone", "sub and sid"])
def test_lbc_13_15_named_session_alone_ends(
    new_visitor: NewVisitor, instance: Instance, sub: str | None
) -> None:
    (gone, key), (stays, _), (other, _) = (
        signed_in(new_visitor, login) for login in ("maria", "maria", "admin")
    )
    who = stays.whoami(), other.whoami()

    assert_accepted(notify(gone.site, instance.logout_token(sub, sid_of(key))))

    assert_ended(gone, key)
    assert (stays.whoami(), other.whoami()) == who
    assert stays.get("/customers").status_code == 200


def test_lbc_14_sub_alone_ends_all_of_a_person(new_visitor: NewVisitor, instance: Instance) -> None:
    everywhere = [signed_in(new_visitor) for _ in range(3)]
    other, _ = signed_in(new_visitor, "admin")
    who = other.whoami()

    assert_accepted(notify(other.site, instance.logout_token(sub="maria")))

    for visitor, key in everywhere:
        assert_ended(visitor, key)
    assert other.whoami() == who


@pytest.mark.parametrize("name", ["maria", "maria.ivanova"])
@pytest.mark.parametrize("is_known", [False, True], ids=["first heard", "signed in since"])
def test_lbc_15_session_of_a_renamed_user_ends_by_either_name(
    new_visitor: NewVisitor, instance: Instance, name: str, is_known: bool
) -> None:
    visitor, key = signed_in(new_visitor, "maria")
    sid = sid_of(key)
    instance.rename("maria", "maria.ivanova")
    if is_known:
        new_visitor().sign_in("maria.ivanova")

    assert_accepted(notify(visitor.site, instance.logout_token(name, sid)))

    assert_ended(visitor, key)


def test_lbc_16_sid_of_one_with_sub_of_another_ends_nothing(
    new_visitor: NewVisitor, instance: Instance
) -> None:
    maria, key = signed_in(new_visitor, "maria")
    admin, _ = signed_in(new_visitor, "admin")
    before = look(maria, instance), look(admin, instance)

    response = notify(maria.site, instance.logout_token("admin", sid_of(key)))

    assert response.status_code in (200, 400)
    assert "no-store" in response.headers["Cache-Control"]
    for visitor, seen in zip((maria, admin), before, strict=True):
        assert_nothing_came_of_it(visitor, seen)


@pytest.mark.parametrize(
    "named",
    [{"sid": "unknown"}, {"sub": "nobody"}, {"sub": "maria", "sid": "unknown"}, {"sub": "MARIA"}],
    ids=str,
)
def test_lbc_17_unknown_session_counts_as_ended(
    new_visitor: NewVisitor, instance: Instance, named: dict[str, str]
) -> None:
    visitor, _ = signed_in(new_visitor)
    before = look(visitor, instance)

    assert_accepted(notify(visitor.site, instance.logout_token(**named)))

    assert_nothing_came_of_it(visitor, before)


@pytest.mark.parametrize("by", ["notice", "visitor"])
def test_lbc_17_session_that_had_ended_before(
    new_visitor: NewVisitor, instance: Instance, by: str
) -> None:
    visitor, key = signed_in(new_visitor)
    sid = sid_of(key)
    if by == "visitor":
        visitor.post("/signout")
    else:
        assert_accepted(notify(visitor.site, instance.logout_token(sid=sid)))

    assert_accepted(notify(visitor.site, instance.logout_token("maria", sid)))

    assert_ended(visitor, key)


@pytest.mark.parametrize("named", [{"sub": "maria"}, {"sid": None}], ids=["sub", "sid"])
@pytest.mark.parametrize("seconds_between", [0, 2])
def test_lbc_18_token_sent_again_ends_no_later_sign_in(
    new_visitor: NewVisitor, instance: Instance, named: dict[str, str | None], seconds_between: int
) -> None:
    visitor, key = signed_in(new_visitor)
    if "sid" in named:
        named = {**named, "sid": sid_of(key)}
    token = instance.logout_token(**named)
    assert_accepted(notify(visitor.site, token))
    assert_ended(visitor, key)
    # The instance's own session goes on, so that the sid is the same one.
    instance.clock_offset += seconds_between
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
def site_with_engine(
    settings: Any, tmp_path: Path, transactional_db: None
) -> Iterator[Callable[[str], str]]:
    """Starts a site whose sessions a given engine keeps; its address.

    The live site's middleware has loaded its engine long before a test could change it.
    """
    servers: list[LiveServer] = []

    def start(engine: str) -> str:
        settings.SESSION_ENGINE = engine
        settings.SESSION_FILE_PATH = str(tmp_path)
        servers.append(LiveServer("localhost"))
        return str(servers[-1].url)

    yield start
    for server in servers:
        server.stop()
    cache.clear()


@pytest.fixture
def stuck_keys() -> Iterator[set[str]]:
    """Session keys that cannot be deleted; the test empties it when the store is back."""
    yield SessionStore.stuck
    SessionStore.stuck.clear()


def test_lbc_18_late_notice_ends_only_earlier_sign_ins(
    new_visitor: NewVisitor, instance: Instance
) -> None:
    # Two nodes of the instance may differ by a minute.
    instance.clock_offset -= 61
    earlier, key = signed_in(new_visitor)
    notice = instance.logout_token(sub="maria")
    instance.clock_offset += 61
    later, _ = signed_in(new_visitor)

    assert_accepted(notify(later.site, notice))

    assert_ended(earlier, key)
    assert later.whoami()["user"] == "maria"


@pytest.mark.parametrize("named", ["sid", "sub"])
def test_lbc_19_a_notice_that_failed_can_be_sent_again(
    site_with_engine: Callable[[str], str], stuck_keys: set[str], instance: Instance, named: str
) -> None:
    site = site_with_engine("tests.support.sessions")
    visitors = [Visitor(site) for _ in range(3)]
    keys = []
    for visitor in visitors:
        visitor.sign_in()
        keys.append(visitor.whoami()["session"])
    stuck = keys[1]
    stuck_keys.add(stuck)
    whom = {"sid": sid_of(stuck)} if named == "sid" else {"sub": "maria"}
    token = instance.logout_token(**whom)

    failed = notify(site, token)

    assert failed.status_code >= 400
    assert visitors[1].whoami()["user"] == "maria"
    stuck_keys.clear()
    assert_accepted(notify(site, token))
    for visitor, key in zip(visitors, keys, strict=True):
        if named == "sub" or key == stuck:
            assert_ended(visitor, key)
        else:
            assert visitor.get("/customers").status_code == 200
        visitor.close()


MULTIPART = b'--x\r\nContent-Disposition: form-data; name="logout_token"\r\n\r\nTOKEN\r\n--x--\r\n'
NO_NOTICES: list[tuple[bytes, str | None]] = [
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
    (b"logout_token=\xd1\x82\xd0\xbe\xd0\xba\xd0\xb5\xd0\xbd", FORM),
    (b"logout_token=%ff%fe", FORM),
    (b"logout_token=" + b"A" * 2_000_000, FORM),
    (b"logout_token=TOKEN&x=" + b"A" * 2_000_000, FORM),
    (b"&".join(b"a%d=x" % n for n in range(5000)) + b"&logout_token=TOKEN", FORM),
    (b'{"logout_token": "TOKEN"}', "application/json"),
    (b"logout_token=TOKEN", "text/plain"),
    (b"logout_token=TOKEN", None),
    (MULTIPART, "multipart/form-data; boundary=x"),
    (b"logout_token=TOKEN", f"{FORM}; charset=utf-16"),
]


def test_lbc_20_malformed_notice_is_refused(new_visitor: NewVisitor, instance: Instance) -> None:
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


def test_lbc_20_only_a_post_is_a_notice(new_visitor: NewVisitor, instance: Instance) -> None:
    visitor, key = signed_in(new_visitor)
    named = {"logout_token": instance.logout_token("maria", sid_of(key))}
    before = look(visitor, instance)

    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        response = visitor.http.request(
            method, visitor.site + ADDRESS, params=named, data=named, allow_redirects=False
        )
        assert response.status_code == 405
        assert_nothing_came_of_it(visitor, before)


def test_lbc_21_23_optional_members_of_a_notice_are_accepted(
    new_visitor: NewVisitor, instance: Instance
) -> None:
    visitor, key = signed_in(new_visitor)
    events = {EVENT: {"reason": "expired"}, "http://schemas.openid.net/event/foobar": {"a": 1}}
    more = claims(events=events, x_unknown={"a": [1, None]}, iat=lambda iat: iat + 20, nbf=MISSING)
    instance.change("logout_token", several(more, header(typ="at+jwt")))
    token = instance.logout_token("maria", sid_of(key))

    assert_accepted(notify(visitor.site, token, client_id="x", foo=["bar", "baz"]))

    assert_ended(visitor, key)


def test_lbc_22_other_tokens_are_no_notices(visitor: Visitor, instance: Instance) -> None:
    answers: list[dict[str, Any]] = []
    instance.change("token_answer", lambda answer: answers.append(dict(answer)))
    attempt = begin(visitor, instance)
    attempt.bring()
    before = look(visitor, instance)

    for token in (attempt.answer["id_token"], answers[0]["id_token"], answers[0]["access_token"]):
        assert_notice_refused(notify(visitor.site, token), visitor, before)


def test_lbc_24_keys_that_cannot_be_fetched(new_visitor: NewVisitor, instance: Instance) -> None:
    visitor, key = signed_in(new_visitor)
    sid = sid_of(key)
    known = instance.logout_token("maria", sid)
    instance.always("jwks", status=503)
    instance.rotate_keys()
    unknown = instance.logout_token("maria", sid)
    before = look(visitor, instance)

    assert_notice_refused(notify(visitor.site, unknown), visitor, before, status=503)
    # A key that is known needs no fetching.
    assert_accepted(notify(visitor.site, known))
    assert_ended(visitor, key)


def test_lbc_24_unknown_keys_are_looked_for_once(
    new_visitor: NewVisitor, instance: Instance
) -> None:
    visitor, key = signed_in(new_visitor)
    sid = sid_of(key)
    fetched = len(instance.calls("jwks"))
    before = look(visitor, instance)

    for number in range(100):
        instance.change("logout_token", header(kid=f"{number:032X}"), times=1)
        response = notify(visitor.site, instance.logout_token("maria", sid))
        assert response.status_code in (400, 503)

    assert_nothing_came_of_it(visitor, before)
    assert len(instance.calls("jwks")) - fetched <= 1
    assert_accepted(notify(visitor.site, instance.logout_token("maria", sid)))
    assert_ended(visitor, key)


ENGINES = "django.contrib.sessions.backends"


@pytest.mark.parametrize("engine", ["db", "cached_db", "cache", "file"])
def test_lbc_26_every_engine_on_the_server_ends_sessions(
    site_with_engine: Callable[[str], str], instance: Instance, engine: str
) -> None:
    site = site_with_engine(f"{ENGINES}.{engine}")
    visitor = Visitor(site)
    visitor.get("/basket?add=tea")
    visitor.sign_in("maria")
    who = visitor.whoami()
    assert (who["user"], who["basket"]) == ("maria", ["tea"])
    session_cookie = visitor.cookies("sessionid")[0].value
    instance.register(backchannel_url=site + ADDRESS)

    (notice,) = instance.end_session_of("maria")

    assert notice.status == 200
    assert_ended(visitor, who["session"])
    # The key is of no use to anybody who kept it.
    visitor.http.cookies.clear()
    visitor.http.cookies.set("sessionid", session_cookie, domain="localhost.local", path="/")
    who = visitor.whoami()
    assert (who["user"], who["basket"], who["scope"]) == ("", None, None)
    visitor.close()


@pytest.fixture(params=["code id_token", "code"])
def flow(request: pytest.FixtureRequest, configure: Callable[..., None]) -> str:
    configure(RESPONSE_TYPE=request.param)
    return str(request.param)


def _named(instance: Instance, by: str) -> dict[str, str]:
    (session,) = instance.sessions_of("maria")
    return {"sid": session.sid} if by == "sid" else {"sub": "maria"}


@pytest.mark.parametrize("by", ["sid", "sub"])
@pytest.mark.usefixtures("flow")
def test_fld_15_notice_before_the_callback_counts(
    visitor: Visitor, instance: Instance, by: str
) -> None:
    """The instance's node that issues the tokens is ahead of the one that sends notices."""
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
def test_fld_15_notice_during_the_token_request_counts(
    visitor: Visitor, instance: Instance, by: str
) -> None:
    answer = visitor.at(visitor.start())
    token = instance.logout_token(**_named(instance, by))
    instance.next_token_answer(delay=1)
    with ThreadPoolExecutor(max_workers=1) as pool:
        callback = pool.submit(visitor.bring, answer)
        instance.wait_for_calls("token")
        assert_accepted(notify(visitor.site, token))
        assert callback.result().status_code == 400

    assert visitor.whoami()["user"] == ""


@pytest.mark.parametrize("by", ["sid", "sub"])
@pytest.mark.parametrize("which", ["id_token", "logout_token"])
def test_fld_15_notice_counts_where_nodes_differ(
    new_visitor: NewVisitor, instance: Instance, by: str, which: str
) -> None:
    seconds = {"id_token": 20, "logout_token": -20}[which]
    instance.change(which, lambda token: token.claims.update(iat=token.claims["iat"] + seconds))
    visitor, key = signed_in(new_visitor)

    assert_accepted(notify(visitor.site, instance.logout_token(**_named(instance, by))))

    assert_ended(visitor, key)


@pytest.mark.parametrize("by", ["sid", "sub"])
def test_fld_15_sign_in_begun_after_a_notice_goes_on(
    visitor: Visitor, instance: Instance, by: str
) -> None:
    visitor.sign_in()
    token = instance.logout_token(**_named(instance, by))
    assert_accepted(notify(visitor.site, token))
    visitor.sign_in()
    # The same notice, sent again.
    assert_accepted(notify(visitor.site, token))

    assert visitor.whoami()["user"] == "maria"


def test_fld_15_notice_about_somebody_else_stops_nobody(
    visitor: Visitor, instance: Instance
) -> None:
    answer = visitor.at(visitor.start())
    (session,) = instance.sessions_of("maria")
    for named in ({"sub": "admin"}, {"sid": "another"}, {"sid": session.sid, "sub": "admin"}):
        assert_accepted(notify(visitor.site, instance.logout_token(**named)))

    assert visitor.bring(answer).status_code == 302

    assert visitor.whoami()["user"] == "maria"
