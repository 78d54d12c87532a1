"""One call of the Domain API and its answer, alone or as a part of a batch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...world.api_sessions import ApiSession
from ...world.refusals import ApiRefusalError, forbidden
from ...world.transactions import Transaction

ODATA_ROOT = "/api/domain/odata/"


class InsufficientScopeError(Exception):
    """The token lacks a scope. RFC 6750 section 3.1."""

    def __init__(self, scope: str) -> None:
        self.refusal = forbidden(f"The token lacks the scope {scope}.")
        super().__init__(str(self.refusal))
        self.challenge = f'Bearer error="insufficient_scope", scope="{scope}"'


@dataclass(frozen=True)
class ApiCall:
    """`path` is below the service root. `transaction` is that of the header TransactionId."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    language: str
    scopes: frozenset[str]
    session: ApiSession
    transaction: Transaction | None = None
    content_type: str = ""

    def json(self) -> dict[str, Any]:
        """The body, `{}` if it is empty. Raises a refusal if it is not a JSON object."""
        if not self.body.strip():
            return {}
        try:
            value = json.loads(self.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise ApiRefusalError("The body is not a JSON object.")
        return value

    def need_update_scope(self) -> None:
        if "update" not in self.scopes:
            raise InsufficientScopeError("update")


@dataclass(frozen=True)
class ApiAnswer:
    """`value` is sent as JSON, `content` as it is."""

    status: int = 200
    value: Any = None
    content: bytes | None = None
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


NO_CONTENT = ApiAnswer(204, content=b"")


def plain_text(text: str) -> ApiAnswer:
    return ApiAnswer(content=text.encode(), content_type="text/plain; charset=utf-8")
