"""What a sign-in yields: the token set and its times."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field

JUST_ISSUED_SECONDS = 30.0


@dataclass(frozen=True)
class TokenSet:
    """The tokens of one sign-in. ``repr`` shows none of them.

    ``expires_at`` is in Unix seconds, ``lifetime`` in seconds, both of the access token.
    ``scope`` is what the instance granted, separated by spaces.
    """

    access_token: str = field(repr=False)
    id_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: int
    scope: str
    lifetime: int

    def renew_at(self, margin: float) -> float:
        """When it is due: ``margin`` seconds before its end, at most a third of its life before.

        In Unix seconds.
        """
        return self.expires_at - min(margin, self.lifetime / 3)

    def is_just_issued(self, now: float) -> bool:
        """Whether the access token is new, its life not over: a newer one would fare no better."""
        # The clock of another machine may be ahead, or have been set back since.
        age = abs(now - (self.expires_at - self.lifetime))
        return age < min(JUST_ISSUED_SECONDS, self.lifetime)

    def renewed_by(self, newer: TokenSet) -> TokenSet:
        """``newer``, with what it does not bring kept from this set.

        A refresh may bring neither a refresh token (RFC 6749 6) nor an ID token (OpenID Connect
        Core 12.2); the old ones then stay in use.
        """
        return dataclasses.replace(
            newer,
            id_token=newer.id_token or self.id_token,
            refresh_token=newer.refresh_token or self.refresh_token,
            scope=newer.scope or self.scope,
        )

    def to_json(self) -> bytes:
        return json.dumps(dataclasses.astuple(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: bytes) -> TokenSet:
        return cls(*json.loads(data))
