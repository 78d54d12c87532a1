"""What the Django session holds, and what the sign-in's row knows of the session."""

from __future__ import annotations

from erpnet_instanceid.models import SignIn
from erpnet_instanceid.testing import Instance

from .visitor import Visitor


def test_row_follows_a_session_key_that_changes_before_a_renewal(
    visitor: Visitor, instance: Instance
) -> None:
    visitor.sign_in("maria")
    instance.next_answer("api", status=401)
    key = visitor.get("/cycle?api=1").json()["session"]
    sign_in = SignIn.objects.get(ended=None)
    assert (sign_in.generation, sign_in.session_key) == (2, key)
