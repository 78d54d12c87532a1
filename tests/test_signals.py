"""The arguments that receivers of the signals get."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from erpnet_instanceid.models import SignIn
from erpnet_instanceid.oidc.errors import OAuthError
from erpnet_instanceid.signals import sign_in_ended, sign_in_failed

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


@pytest.fixture
def failures() -> Iterator[list[Any]]:
    """The errors that sign-ins have failed with."""
    heard: list[Any] = []

    def receiver(*, error: Any, **_kwargs: Any) -> None:
        heard.append(error)

    sign_in_failed.connect(receiver)
    yield heard
    sign_in_failed.disconnect(receiver)


def test_text_from_a_browser_is_logged_as_one_line(visitor: Visitor, failures: list[Any]) -> None:
    """A receiver may log it."""
    answer = visitor.at(visitor.start())
    told = "no\r\nsigned_in\u2028\x1b[2J" + "x" * 500

    visitor.bring(
        answer,
        [("state", answer["state"]), ("error", "access_denied"), ("error_description", told)],
    )

    (error,) = failures
    assert isinstance(error, OAuthError)
    assert error.description == ("no  signed_in  [2J" + "x" * 500)[:200]
