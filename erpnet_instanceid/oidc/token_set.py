"""The tokens of one sign-in, and when they are due for renewal."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

JUST_ISSUED_SECONDS = 30.0


@dataclass(frozen=True)
class TokenSet:
    """The tokens of one sign-in. ``repr`` shows none of them.

    ``expires_at`` is in Unix seconds, ``lifetime`` in seconds, both of the access token.
    ``scope`` is what the instance granted, separated by spaces. ``original`` are the claims of the
    sign-in's ID token that refreshed ones are compared with; None before the first refresh.
    """

    VERSION: ClassVar[int] = 1

    access_token: str = field(repr=False)
    id_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: int
    scope: str
    lifetime: int
    original: Mapping[str, Any] | None = field(default=None, repr=False)

    def has_expired(self, now: float) -> bool:
        """Whether the access token's life is over."""
        return self.expires_at <= now

    def renew_at(self, margin: float) -> float:
        """When it is due: ``margin`` seconds before its end, at most a third of its life before.

        In Unix seconds.
        """
        return self.expires_at - min(margin, self.lifetime / 3)

    def is_just_issued(self, now: float) -> bool:
        """Whether the access token was issued moments ago; a newer one would be no better."""
        # abs(): the clock of the machine that wrote these times may be ahead of ours.
        age = abs(now - (self.expires_at - self.lifetime))
        return age < min(JUST_ISSUED_SECONDS, self.lifetime)

    def renewed_by(self, newer: TokenSet) -> TokenSet:
        """``newer``, completed from this set.

        The answer to a refresh may leave out the refresh token (RFC 6749 6) and the ID token (Core
        12.2). The old ones then stay in use.
        """
        return dataclasses.replace(
            newer,
            id_token=newer.id_token or self.id_token,
            refresh_token=newer.refresh_token or self.refresh_token,
            scope=newer.scope or self.scope,
            original=newer.original or self.original,
        )
