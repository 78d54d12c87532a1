"""Changes that a test asks for, to tokens, answers and documents before they are sent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .forging import SigningKey, Token

#: Everything that can be changed, with the type that the test's function gets.
TARGETS = frozenset(
    {
        "front_id_token",  # Token: the one in the authorization answer
        "id_token",  # Token: the one the token endpoint gives for a code
        "refreshed_id_token",  # Token
        "access_token",  # Token
        "logout_token",  # Token
        "code",  # str
        "refresh_token",  # str
        "authorization_answer",  # list[tuple[str, str]]
        "token_answer",  # dict, of every grant
        "userinfo",  # dict
        "discovery",  # dict
        "jwks",  # dict
        "me",  # dict: the profile site's answer
        "auto_discovery",  # dict
    }
)


@dataclass
class _Change:
    apply: Callable[[Any], Any]
    left: float


class Changes:
    """Functions by target, in the order they were added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changes: dict[str, list[_Change]] = {}

    def add(self, target: str, apply: Callable[[Any], Any], times: int | None) -> None:
        if target not in TARGETS:
            raise ValueError(f"no such target: {target!r}; there are {sorted(TARGETS)}")
        with self._lock:
            change = _Change(apply, float("inf") if times is None else times)
            self._changes.setdefault(target, []).append(change)

    def clear(self) -> None:
        with self._lock:
            self._changes.clear()

    def _due(self, target: str) -> list[_Change]:
        with self._lock:
            due = self._changes.get(target, [])
            for change in due:
                change.left -= 1
            self._changes[target] = [change for change in due if change.left > 0]
            return list(due)

    def apply(self, target: str, value: Any) -> Any:
        """`value`, changed in place or replaced by a function's result."""
        if target in self._changes:
            for change in self._due(target):
                result = change.apply(value)
                value = value if result is None else result
        return value

    def apply_to_token(self, target: str, compact: str, key: SigningKey) -> str:
        """The token, changed and signed again if a change is due, else the same string."""
        if not self._changes.get(target):
            return compact
        token = Token.parse(compact, key)
        for change in self._due(target):
            result = change.apply(token)
            if isinstance(result, str):
                token.raw = result
            elif isinstance(result, Token):
                token = result
        return token.serialize()
