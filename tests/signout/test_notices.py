"""Which sign-ins a sign-out notice ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import OperationalError

from erpnet_instanceid.conf import conf
from erpnet_instanceid.models import SignIn
from erpnet_instanceid.signout.notices import end_named_sign_ins
from erpnet_instanceid.testing import Instance

from ..support.sessions import SessionStore
from ..support.visitor import Visitor


def test_interrupted_notice_is_finished_when_sent_again(
    new_visitor: Callable[..., Visitor],
    instance: Instance,
    settings: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.SESSION_ENGINE = "tests.support.sessions"  # type: ignore[attr-defined]
    for _ in range(3):
        new_visitor().sign_in("maria")
    claims = {"iss": conf.issuer, "jti": "one", "sub": "maria", "iat": 2**40}
    rows = SignIn.objects.order_by("pk")
    monkeypatch.setattr(SessionStore, "stuck", {rows[1].session_key})
    with pytest.raises(OperationalError):
        end_named_sign_ins(claims)
    assert SignIn.objects.filter(ended=None).exists()
    monkeypatch.setattr(SessionStore, "stuck", set())
    end_named_sign_ins(claims)
    assert not SignIn.objects.filter(ended=None).exists()
