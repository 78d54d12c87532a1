"""Sessions that Django saves late, and transactions that it rolls back, while tokens rotate."""

import time

import pytest

from .site import Person, eventually, spent_twice

GENERATION = "SELECT generation FROM erpnet_instanceid_signin WHERE ended IS NULL"


@pytest.fixture
def kind():
    return "gunicorn"


@pytest.fixture
def site(kind, sites, instance):
    """Two processes on PostgreSQL, nobody signed in."""
    site = sites(kind)
    site.execute("DELETE FROM erpnet_instanceid_signin")
    return site


# The sync path of the middleware, and its async one.
both = pytest.mark.parametrize("kind", ["gunicorn", "uvicorn"])


def _assert_next_refresh_is_granted(site, person):
    """The site still has the newest refresh token."""
    before = site.execute(GENERATION)[0][0]
    # A token that a renewal has just brought is not renewed again when it is refused.
    site.get(person, "/age")
    site.instance.next_answer("api", status=401)
    answer = site.get(person, "/api", server=1)
    if site.execute(GENERATION)[0][0] == before:
        # The session held an older token, and took the newer one.
        site.instance.next_answer("api", status=401)
        answer = site.get(person, "/api", server=1)
    assert answer.status == 200, answer
    assert site.execute(GENERATION) == [(before + 1,)]
    assert site.instance.refresh_tokens_refused == 0
    assert spent_twice(site.instance) == []
    assert site.get(person, "/whoami").json()["user"] == "maria"


def test_slow_writer_brings_no_spent_token_back(site):
    site.instance.set(access_token_lifetime=3)
    person = site.sign_in()
    slow = site.begin(person, "/slow?seconds=3.5&put=late")
    time.sleep(3)
    site.instance.set(access_token_lifetime=3600)

    assert site.get(person, "/whoami", server=1).json()["generation"] == 2
    assert slow.result().status == 200

    who = site.get(person, "/whoami").json()
    assert who["user"] == "maria"
    assert site.refreshes() == 1
    assert site.get(person, "/whoami", server=1).json()["generation"] == 2
    _assert_next_refresh_is_granted(site, person)


def test_renewal_does_not_undo_other_writes(site):
    """A page that only reads the session does not write it back late because it renewed."""
    person = site.sign_in_expired()
    slow = site.begin(person, "/slow?seconds=1.5")
    time.sleep(0.7)
    assert site.get(person, "/basket?add=tea", server=1).json() == {"basket": ["tea"]}
    assert slow.result().status == 200
    assert site.get(person, "/basket").json() == {"basket": ["tea"]}
    assert site.get(person, "/whoami").json()["generation"] == 2
    assert site.refreshes() == 1
    _assert_next_refresh_is_granted(site, person)


def test_request_that_waited_does_not_undo_other_writes(site):
    person = site.sign_in_due()
    site.instance.next_token_answer(delay=1)
    slow = site.begin(person, "/basket?add=tea")
    time.sleep(0.5)
    assert site.get(person, "/basket?add=milk", server=1).json() == {"basket": ["milk"]}
    assert slow.result().json() == {"basket": ["milk", "tea"]}
    assert site.get(person, "/basket").json() == {"basket": ["milk", "tea"]}
    _assert_next_refresh_is_granted(site, person)


def test_renewal_does_not_wait_for_the_commit_of_its_caller(site):
    person = site.sign_in()
    site.instance.next_answer("api", status=401)
    slow = site.begin(person, "/api-in-atomic?name=committed&seconds=1.5")
    time.sleep(1)
    assert site.execute("SELECT count(*) FROM auth_group WHERE name = 'committed'") == [(0,)]
    assert site.execute(GENERATION) == [(2,)]
    # Nor does anybody else of the same session.
    other = site.get(person, "/basket?add=tea", server=1)
    assert other.status == 200
    assert other.seconds < 0.4
    assert slow.result().status == 200
    assert site.execute("SELECT count(*) FROM auth_group WHERE name = 'committed'") == [(1,)]
    assert site.get(person, "/basket").json() == {"basket": ["tea"]}
    _assert_next_refresh_is_granted(site, person)


def test_renewal_outlives_a_rollback_under_atomic_requests(sites, site, instance):
    atomic = sites(database=site.database, own={"ATOMIC_REQUESTS": True})
    person = atomic.sign_in()
    instance.next_answer("api", status=401)
    assert atomic.get(person, "/fails?api=1").status == 500
    assert site.execute(GENERATION) == [(2,)]
    # A page may go on after a refused call; its writes are kept as well.
    assert atomic.get(person, "/api?times=2", server=1).status == 200
    _assert_next_refresh_is_granted(site, person)
    expired = atomic.sign_in_expired()
    assert atomic.get(expired, "/fails").status == 500
    assert atomic.get(expired, "/whoami", server=1).json()["generation"] == 2


@both
def test_session_key_may_change_while_its_token_is_renewed(site, instance):
    instance.register(backchannel_url=site.servers[1].url + "/backchannel-signout")
    person = site.sign_in_due()
    instance.next_token_answer(delay=1)
    renewing = site.begin(person, "/whoami")
    time.sleep(0.5)
    cycled = site.get(person, "/cycle", server=1)
    assert renewing.result().json()["user"] == "maria"

    key = cycled.json()["session"]
    moved = Person(person.browser, f"sessionid={key}")
    person.browser.http.cookies.set("sessionid", key, domain="127.0.0.1", path="/")
    assert site.get(moved, "/whoami").json()["user"] == "maria"
    who = site.get(moved, "/whoami").json()
    assert (who["user"], who["generation"], who["session"]) == ("maria", 2, key)
    assert site.refreshes() == 1
    # The old key is worth nothing, and a notice finds the new one.
    assert site.get(person, "/whoami").json()["user"] == ""
    assert instance.end_session_of("maria") == [200]
    assert site.get(moved, "/whoami", server=1).json()["user"] == ""


@both
def test_sign_out_during_a_refresh_does_not_wait_for_it(site, instance):
    person = site.sign_in_due()
    instance.next_token_answer(delay=1.5)
    renewing = site.begin(person, "/whoami")
    time.sleep(0.4)
    started = time.monotonic()
    other = site.new_browser(server=1)
    other.http.cookies.update(person.browser.http.cookies)
    assert other.post("/signout").status_code == 302
    assert time.monotonic() - started < 1, "it waited for the refresh"
    assert renewing.result().json()["user"] == ""

    assert site.execute(GENERATION) == []
    assert site.execute("SELECT tokens FROM erpnet_instanceid_signin") == [("",)]
    # The answer comes after the request has gone on. Its tokens are of no use to anybody.
    eventually(lambda: instance.counters()["open_refresh_tokens"] == 0)
    for server in (0, 1):
        assert site.get(person, "/whoami", server).json()["user"] == ""
    assert site.refreshes() == 1


@both
def test_new_sign_in_is_not_undone_by_a_late_answer(site, instance):
    """In one tab somebody signs in again while the other one waits for a refresh."""
    person = site.sign_in_due()
    instance.next_token_answer(delay=1.5, grant_type="refresh_token")
    renewing = site.begin(person, "/private", server=1)
    site.wait_for_refreshes(1)
    assert person.browser.sign_in("maria", "/private").headers["Location"] == "/private"

    late = renewing.result()
    assert (late.status, late.headers["Location"]) == (302, "/signin?next=/private")
    assert "Set-Cookie" not in late.headers
    assert person.browser.whoami()["user"] == "maria"
    # The refresh of the former sign-in brings tokens that are of no use to anybody.
    eventually(lambda: instance.counters()["open_refresh_tokens"] == 1)


def test_rights_follow_beside_the_callers_transaction(site, instance):
    """The caller has locked the user, and rolls back: the rights follow all the same."""
    person = site.sign_in("admin")
    instance.person("admin", is_admin=False)
    instance.next_answer("api", status=401)

    assert site.get(person, "/api-in-atomic?lock=1&fail=1").status == 500

    assert site.refreshes() == 1
    rights = "SELECT is_superuser FROM auth_user WHERE username = 'admin'"
    eventually(lambda: site.execute(rights) == [(False,)], seconds=10)
