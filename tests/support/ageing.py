"""Time that has passed for the tokens on a session, without a wait."""

from __future__ import annotations

from typing import Any


def older_by(seconds: float, held: dict[str, Any]) -> dict[str, Any]:
    """What a session holds of its tokens, as if it had been put there so much earlier."""
    return held | {name: held[name] - seconds for name in ("expires_at", "renew_at")}
