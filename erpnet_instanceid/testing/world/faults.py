"""Faults: answers that a test spoils."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .encoding import encode_json
from .recording import ENDPOINTS, RecordedRequest

#: The default of `json=`. None is a value: it is sent as `null`.
NOT_GIVEN: Any = object()


@dataclass
class Fault:
    """One way to spoil an answer. `Instance.next_answer` explains the fields."""

    status: int | None = None
    body: bytes | Callable[[], Iterable[bytes]] | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    hold: float = 0
    delay: float = 0
    drop: Literal["before", "after"] | None = None
    drip: float | None = None
    work: bool = False
    grant_type: str | None = None
    when: Callable[[RecordedRequest], bool] | None = None
    left: float = 1

    @property
    def replaces(self) -> bool:
        """Whether this is sent instead of the real answer."""
        return self.status is not None or self.body is not None

    def fits(self, request: RecordedRequest) -> bool:
        if self.grant_type is not None and request.get("grant_type") != self.grant_type:
            return False
        return self.when is None or self.when(request)


def make_fault(
    *,
    json: Any = NOT_GIVEN,
    error: str | None = None,
    error_description: str | None = None,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    body: bytes | str | Callable[[], Iterable[bytes]] | None = None,
    status: int | None = None,
    times: int | None = 1,
    **rest: Any,
) -> Fault:
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    if error is not None:
        json = {"error": error}
        if error_description is not None:
            json["error_description"] = error_description
        status = status or 400
    if json is not NOT_GIVEN:
        body = encode_json(json)
        if not any(name.lower() == "content-type" for name, _ in pairs):
            pairs.append(("Content-Type", "application/json; charset=UTF-8"))
    if isinstance(body, str):
        body = body.encode()
    left = float("inf") if times is None else times
    return Fault(status=status, body=body, headers=pairs, left=left, **rest)


class Faults:
    """Faults by endpoint: first the counted ones in their order, then the lasting one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: dict[str, list[Fault]] = {}

    def add(self, endpoint: str, fault: Fault) -> None:
        if endpoint not in ENDPOINTS:
            raise ValueError(f"no such endpoint: {endpoint!r}; there are {sorted(ENDPOINTS)}")
        with self._lock:
            queue = self._faults.setdefault(endpoint, [])
            queue.append(fault)
            queue.sort(key=lambda f: f.left == float("inf"))

    def take(self, request: RecordedRequest) -> Fault | None:
        with self._lock:
            queue = self._faults.get(request.endpoint, [])
            fault = next((f for f in queue if f.fits(request)), None)
            if fault is None:
                return None
            fault.left -= 1
            if fault.left <= 0:
                queue.remove(fault)
            return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
