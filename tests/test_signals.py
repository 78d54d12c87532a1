"""The arguments that receivers of the signals get."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from erpnet_instanceid.models import SignIn
from erpnet_instanceid.signals import sign_in_ended

from .support.visitor import Visitor


@pytest.fixture
def endings() -> Iterator[list[tuple[str, str]]]:
    """The people whose sign-ins have ended, and why."""
    heard: list[tuple[str, str]] = []

    def receiver(*, sign_in: SignIn, reason: str, **_kwargs: Any) -> None:
        assert sign_in.account is not None
        heard.append((sign_in.account.sub, reason))

    sign_in_ended.connect(receiver)
    yield heard
    sign_in_ended.disconnect(receiver)


@pytest.mark.parametrize("login", ["maria", "admin"])
def test_whose_sign_in_was_replaced_is_told(
    visitor: Visitor, endings: list[tuple[str, str]], login: str
) -> None:
    visitor.sign_in("maria")
    visitor.at_instance.cookies.clear()

    visitor.sign_in(login)

    assert endings == [("maria", "replaced")]
    assert visitor.whoami()["user"] == login
