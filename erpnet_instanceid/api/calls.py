"""One call of an API, and what decides whether and when it is sent again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.auth import AuthBase

from ..oidc.http import Limits
from ..oidc.pool import seconds_left
from .governor import Gate

TOO_MANY_REQUESTS = 429
# Seconds between attempts, if a refusal has no Retry-After. After the last one the call fails.
PAUSES = (0.5, 1.0, 2.0)


class Bearer(AuthBase):
    """Puts a token on a request. An error report shows this object without the token."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # Set last, so that no header of the caller takes its place.
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request

    def __repr__(self) -> str:
        return "Bearer(…)"


@dataclass
class Call:
    """A call on its way. ``admitted_by`` is the gate that has let it pass, until it is sent."""

    method: str
    address: str
    options: Mapping[str, Any] = field(repr=False)
    limits: Limits
    bearer: Bearer
    admitted_by: Gate | None = None
    may_renew: bool = True
    refusals: int = 0
    # By the monotonic clock.
    give_up_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.give_up_at = time.monotonic() + min(self.limits.deadline, seconds_left())

    @property
    def is_streamed(self) -> bool:
        return bool(self.options.get("stream"))

    @property
    def patience(self) -> float:
        """Seconds that the call may still wait before it is sent."""
        return self.give_up_at - time.monotonic()

    def passes(self, gate: Gate) -> bool:
        admitted = self.admitted_by is gate or gate.enter_now(self.patience)
        self.admitted_by = None
        return admitted

    def can_be_repeated(self) -> bool:
        """Whether the body is still there. A file has been read to its end, and would be empty."""
        return not self.options.get("files") and isinstance(
            self.options.get("data"), str | bytes | Mapping | list | tuple | None
        )

    def pause_after(self, response: requests.Response) -> float | None:
        """Seconds for which the instance wants no call; None if it says nothing of the kind."""
        if response.status_code != TOO_MANY_REQUESTS:
            return None
        return _retry_after(response, PAUSES[min(self.refusals, len(PAUSES) - 1)])

    def waits(self, pause: float) -> bool:
        """Whether the call is sent again after ``pause`` seconds.

        The instance has not run a call that it answers with 429, so every method may be repeated.
        """
        self.refusals += 1
        return self.refusals <= len(PAUSES) and pause <= self.patience and self.can_be_repeated()


def limits_of(timeout: object, default: Limits) -> Limits:
    """The limits of a call with this ``timeout`` of requests: a number, a pair, or None.

    Raises ValueError, as requests does, for one that leaves no time.
    """
    if timeout is None:
        return default
    connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    limits = Limits(
        connect=default.connect if connect is None else float(connect),
        deadline=default.deadline if read is None else float(read),
    )
    if min(limits.connect, limits.deadline) <= 0:
        raise ValueError(f"timeout={timeout!r} leaves no time: give seconds, or None")
    return limits


def _retry_after(response: requests.Response, default: float) -> float:
    """Seconds. RFC 9110 10.2.3 allows a number and a date."""
    told = response.headers.get("Retry-After", "")
    if told.isascii() and told.isdigit():
        return float(told)
    try:
        # By the clock of the instance, which may differ from this one.
        wait = parsedate_to_datetime(told) - parsedate_to_datetime(response.headers["Date"])
    except (LookupError, TypeError, ValueError):
        return default
    return max(0.0, wait.total_seconds())
