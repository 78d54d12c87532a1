"""Keeps codes out of daphne's access log, where an answer comes in the query.

daphne logs the address as it read it. It has no setting and no hook for that, and a view cannot
change it, as views do for other servers.
"""

from __future__ import annotations

import sys
from functools import wraps
from typing import Any
from urllib.parse import parse_qs


def hide_answers() -> None:
    """Makes daphne, if it runs this process, log an answer's address without the query."""
    server = sys.modules.get("daphne.server")
    if server is None:
        return
    log_action = server.Server.log_action

    @wraps(log_action)
    def log_without_answer(self: Any, protocol: str, action: str, details: dict[str, Any]) -> None:
        log_action(self, protocol, action, {**details, "path": _shown(details["path"])})

    server.Server.log_action = log_without_answer


def _shown(address: str) -> str:
    path, _, query = address.partition("?")
    # This function does not know the site's addresses, so it hides each OpenID provider's answer.
    return path if {"code", "state"} <= parse_qs(query).keys() else address
