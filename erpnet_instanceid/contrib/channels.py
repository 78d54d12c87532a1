"""Channels: the sign-in of the visitor at the other end of a WebSocket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from channels.db import database_sync_to_async  # type: ignore[import-untyped]

from ..models import SignIn
from ..tokens.entry import own_entry


async def sign_in_of(scope: Mapping[str, Any]) -> SignIn | None:
    """The sign-in of a consumer's visitor, None where they have none or it has ended. One query.

    ``scope`` has the session and the user that Channels' ``AuthMiddlewareStack`` puts there.
    """
    sign_in: SignIn | None = await database_sync_to_async(_open)(scope)
    return sign_in


def _open(scope: Mapping[str, Any]) -> SignIn | None:
    entry = own_entry(scope["session"], scope["user"])
    return None if entry is None else SignIn.objects.open(entry.sign_in)
