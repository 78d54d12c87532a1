"""A sealed text opens for its purpose, in time, under the site's keys, and not otherwise."""

import time

import pytest

from erpnet_instanceid.sealing import seal, unseal

from .support.outcomes import begin

OLD = "an old secret key, which is long enough for everything"
NEW = "a new secret key, which is long enough for everything, too"


@pytest.fixture(autouse=True)
def old_key(settings):
    settings.SECRET_KEY = OLD
    settings.SECRET_KEY_FALLBACKS = []


def rotate(settings, *, keep_old):
    settings.SECRET_KEY = NEW
    settings.SECRET_KEY_FALLBACKS = [OLD] if keep_old else []


@pytest.mark.parametrize("data", [b"", b"x", "тайна".encode(), b"\x00" * 5000])
def test_sealed_text_opens(data):
    sealed = seal("tokens", data)

    assert sealed.isascii()
    assert unseal("tokens", sealed) == data


def test_never_seals_into_the_same_text_twice():
    assert len({seal("tokens", b"the same") for _ in range(20)}) == 20


def test_text_sealed_for_one_purpose_does_not_open_for_another():
    assert unseal("attempt", seal("answer", b"x")) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text + "A",
        lambda text: text + "\n",
        lambda text: text[:20] + "é" + text[21:],
        lambda text: text + "=",
        lambda text: text[:30] + ("B" if text[30] != "B" else "C") + text[31:],
        lambda text: "B" + text[1:],
        lambda text: "\ud800",
    ],
)
def test_changed_text_does_not_open(change):
    sealed = seal("tokens", b"secret")
    assert unseal("tokens", change(sealed)) is None


def test_opens_for_so_many_seconds(monkeypatch):
    now = time.time()
    sealed = seal("answer", b"x")

    monkeypatch.setattr(time, "time", lambda: now + 59)
    assert unseal("answer", sealed, max_age=60) == b"x"
    monkeypatch.setattr(time, "time", lambda: now + 62)
    assert unseal("answer", sealed, max_age=60) is None
    assert unseal("answer", sealed) == b"x"


def test_fallback_keys_open_older_texts(settings):
    sealed = seal("tokens", b"x")

    rotate(settings, keep_old=True)

    assert unseal("tokens", sealed) == b"x"
    # The newest key seals: the older one can go when all is sealed anew.
    newer = seal("tokens", b"x")
    rotate(settings, keep_old=False)
    assert unseal("tokens", newer) == b"x"
    assert unseal("tokens", sealed) is None


def test_key_may_be_bytes(settings):
    sealed = seal("tokens", b"x")

    settings.SECRET_KEY = OLD.encode()

    assert unseal("tokens", sealed) == b"x"


def test_fallback_key_keeps_visitors_signed_in(visitor, settings):
    visitor.sign_in()
    rotate(settings, keep_old=True)

    assert visitor.get("/customers").status_code == 200
    assert visitor.whoami()["user"] == "maria"


def test_visitor_signs_in_again_after_the_old_key_went(visitor, instance, settings):
    visitor.sign_in()
    rotate(settings, keep_old=False)

    assert visitor.whoami()["user"] == ""
    response = visitor.get("/private")
    assert response.headers["Location"].startswith("/signin?")
    begin(visitor, instance).assert_signed_in()
