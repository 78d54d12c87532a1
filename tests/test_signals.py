"""The arguments that receivers of the signals get."""

import pytest

from erpnet_instanceid.signals import sign_in_ended


@pytest.fixture
def endings():
    """The people whose sign-ins have ended, and why."""
    heard = []

    def receiver(*, sign_in, reason, **_kwargs):
        assert sign_in.account is not None
        heard.append((sign_in.account.sub, reason))

    sign_in_ended.connect(receiver)
    yield heard
    sign_in_ended.disconnect(receiver)


@pytest.mark.parametrize("login", ["maria", "admin"])
def test_whose_sign_in_was_replaced_is_told(visitor, endings, login):
    visitor.sign_in("maria")
    visitor.at_instance.cookies.clear()

    visitor.sign_in(login)

    assert endings == [("maria", "replaced")]
    assert visitor.whoami()["user"] == login
