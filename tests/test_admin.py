"""The admin: what is deleted there has ended first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.sessions.models import Session

from erpnet_instanceid.models import Account, SignIn
from erpnet_instanceid.signals import sign_in_ended
from erpnet_instanceid.testing import Instance

from .visitor import Visitor

NewVisitor = Callable[..., Visitor]


@pytest.fixture
def ends() -> Iterator[list[tuple[str, Any]]]:
    """What receivers are told: reasons, and whose sign-ins."""
    told: list[tuple[str, Any]] = []

    def note(sign_in: SignIn, reason: str, **_kwargs: Any) -> None:
        told.append((reason, sign_in.account and sign_in.account.sub))

    sign_in_ended.connect(note)
    yield told
    sign_in_ended.disconnect(note)


def press(admin: Visitor, model: str, pk: object, how: str) -> None:
    """Has one row of a table deleted, or its visitor signed out, in one of the admin's ways."""
    table = f"/admin/erpnet_instanceid/{model}/"
    if how == "delete":
        response = admin.post(f"{table}{pk}/delete/", {"post": "yes"})
    else:
        form = {"action": how, "_selected_action": str(pk), "post": "yes"}
        response = admin.post(table, form)
    assert response.status_code == 302, response.text


@pytest.mark.parametrize(
    ("model", "how"),
    [
        ("signin", "end_sign_ins"),
        ("signin", "delete"),
        ("signin", "delete_selected"),
        ("account", "delete"),
        ("account", "delete_selected"),
    ],
)
def test_visitor_whose_row_goes_is_signed_out(
    new_visitor: NewVisitor,
    instance: Instance,
    ends: list[tuple[str, Any]],
    model: str,
    how: str,
) -> None:
    admin, maria = new_visitor(), new_visitor()
    admin.sign_in("admin")
    maria.sign_in("maria")
    key = maria.whoami()["session"]
    row = Account if model == "account" else SignIn
    pk = (
        row.objects.get(sub="maria") if row is Account else SignIn.objects.get(session_key=key)
    ).pk

    press(admin, model, pk, how)

    assert row.objects.filter(pk=pk).exists() is (how == "end_sign_ins")
    assert ends == [("ended_in_admin", "maria")]
    assert not Session.objects.filter(session_key=key).exists()
    assert maria.whoami()["user"] == ""
    assert admin.whoami()["user"] == "admin"
