"""The requests that reached the instance."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from werkzeug.datastructures import Headers

ENDPOINTS = frozenset(
    {
        "discovery",
        "jwks",
        "authorize",
        "sign_in",
        "token",
        "userinfo",
        "revocation",
        "end_session",
        "auto_discovery",
        "api",
        "me",
        "other",
    }
)

_PATHS = {
    "/id/.well-known/openid-configuration": "discovery",
    "/id/.well-known/openid-configuration/jwks": "jwks",
    "/id/keys": "jwks",
    "/id/connect/authorize": "authorize",
    "/id/account/login": "sign_in",
    "/id/connect/token": "token",
    "/id/connect/userinfo": "userinfo",
    "/id/connect/revocation": "revocation",
    "/id/connect/endsession": "end_session",
    "/sys/auto-discovery": "auto_discovery",
    "/tools/auto-discovery": "auto_discovery",
    "/profile/me": "me",
}


def endpoint_of(path: str) -> str:
    """The endpoint's name in `calls()` and `next_answer()`."""
    if path.startswith("/api/"):
        return "api"
    return _PATHS.get(path, "other")


@dataclass(frozen=True)
class RecordedRequest:
    """One request as it arrived.

    Requests over the same connection have the same number `connection`.
    """

    endpoint: str
    method: str
    path: str
    query: list[tuple[str, str]]
    form: list[tuple[str, str]]
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    connection: int
    time: float = field(default_factory=time.time)

    def __getitem__(self, name: str) -> str:
        """The first value of a form field, else of a query parameter. Raises KeyError."""
        for key, value in [*self.form, *self.query]:
            if key == name:
                return value
        raise KeyError(name)

    def get(self, name: str, default: str | None = None) -> str | None:
        try:
            return self[name]
        except KeyError:
            return default


def parse_fields(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True, errors="replace")


class Recording:
    """A growing list of requests. Other threads can wait for the next one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._requests: list[RecordedRequest] = []

    def add(self, request: RecordedRequest) -> None:
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()

    def all(self) -> list[RecordedRequest]:
        with self._changed:
            return list(self._requests)

    def of(self, endpoint: str, grant_type: str | None = None) -> list[RecordedRequest]:
        if endpoint not in ENDPOINTS:
            raise ValueError(f"no such endpoint: {endpoint!r}; there are {sorted(ENDPOINTS)}")
        return [
            request
            for request in self.all()
            if request.endpoint == endpoint
            and (grant_type is None or request.get("grant_type") == grant_type)
        ]

    def clear(self) -> None:
        with self._changed:
            self._requests.clear()

    def wait_for(self, endpoint: str, count: int, timeout: float) -> list[RecordedRequest]:
        """The endpoint's requests as soon as there are `count`. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.of(endpoint)) >= count, timeout):
                raise TimeoutError(f"{len(self.of(endpoint))} of {count} requests to {endpoint}")
        return self.of(endpoint)
