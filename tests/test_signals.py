"""The arguments that receivers of the signals get."""

import pytest


@pytest.mark.parametrize("login", ["maria", "admin"])
def test_whose_sign_in_was_replaced_is_told(visitor, ends, login):
    visitor.sign_in("maria")
    visitor.at_instance.cookies.clear()

    visitor.sign_in(login)

    assert ends == [("replaced", "maria")]
    assert visitor.whoami()["user"] == login
