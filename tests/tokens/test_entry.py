"""The app's entry in a Django session that several requests have loaded."""

import time
from dataclasses import replace
from uuid import uuid4

import pytest
from django.contrib.sessions.backends.db import SessionStore

from erpnet_instanceid.oidc.token_set import TokenSet
from erpnet_instanceid.tokens.entry import catch_up, new_entry, read_entry, store_newer, write_entry

SIGN_IN, ANOTHER = str(uuid4()), str(uuid4())
TOKENS = TokenSet("access", "id", "refresh", expires_at=2**31, scope="", lifetime=300)


@pytest.fixture
def key(db):
    """The key of a session with the first tokens of a sign-in."""
    session = SessionStore()
    session.create()
    write_entry(session, new_entry(session, SIGN_IN, 1, TOKENS, target="/"))
    session.save()
    return str(session.session_key)


def loaded(key):
    session = SessionStore(key)
    looked_at(session)
    return session


def looked_at(session):
    """The entry of the session, which is left as the middleware leaves it."""
    value = read_entry(session)
    session.accessed = False
    return value


def generation(key):
    return read_entry(SessionStore(key)).generation


@pytest.mark.parametrize(
    ("lifetime", "margin", "due"), [(3600, 300, 3300), (3600, 100, 3500), (600, 300, 400)]
)
def test_token_is_due_before_its_end(site, later, lifetime, margin, due):
    """REFRESH_MARGIN before, at most a third of its life."""
    site(REFRESH_MARGIN=margin)
    tokens = replace(TOKENS, expires_at=int(time.time()) + lifetime, lifetime=lifetime)
    entry = new_entry(SessionStore(), SIGN_IN, 1, tokens)
    for seconds, is_due in ((due - 20, False), (due + 20, True)):
        later(seconds)
        assert entry.is_due() is is_due


def take(session, number):
    store_newer(session, looked_at(session), number, TOKENS)


def test_later_generation_wins_in_any_order(key):
    slow, fast = loaded(key), loaded(key)
    take(fast, 3)
    take(slow, 2)
    assert generation(key) == 3


def test_tokens_of_one_sign_in_do_not_replace_those_of_another(key):
    slow, other = loaded(key), loaded(key)
    write_entry(other, new_entry(other, ANOTHER, 1, TOKENS))
    other.save()
    take(slow, 2)
    there = read_entry(SessionStore(key))
    assert (there.sign_in, there.generation) == (ANOTHER, 1)


def test_newer_tokens_are_kept_though_the_request_saves_nothing(key):
    session = loaded(key)
    take(session, 2)
    assert not session.accessed
    assert not session.modified
    assert generation(key) == 2


class Unreachable(SessionStore):
    """An engine whose server is away."""

    # By the name of the class, otherwise.
    key_salt = SessionStore().key_salt

    def save(self, must_create=False):
        raise ConnectionError


def test_tokens_are_used_though_the_session_cannot_be_reached(key):
    session = Unreachable(key)
    take(session, 2)
    assert read_entry(session).generation == 2
    assert generation(key) == 1


@pytest.mark.parametrize("is_modified", [False, True])
def test_reload_after_a_wait_keeps_own_and_other_changes(key, is_modified):
    waiting, other = loaded(key), loaded(key)
    other["basket"] = ["milk"]
    other.save()
    if is_modified:
        waiting["basket"] = ["tea"]
    assert catch_up(waiting, looked_at(waiting), 2, TOKENS).generation == 2
    assert waiting.modified == is_modified
    assert waiting["basket"] == ["tea" if is_modified else "milk"]
    assert read_entry(waiting).generation == 2
