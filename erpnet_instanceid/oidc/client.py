"""The Trusted Application: how this site is registered at the instance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .http import Limits
from .provider import Provider


@dataclass(frozen=True)
class Client:
    """One registration at one instance. ``repr`` does not show the secret."""

    provider: Provider = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)
    algorithms: Sequence[str] = ("RS256",)
    skew: float = 60.0
    limits: Limits = field(default_factory=Limits)

    @property
    def issuer(self) -> str:
        return self.provider.issuer
