"""Many requests at the same moment."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Asked:
    """A request to send."""

    url: str
    cookie: str = field(repr=False)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answered:
    """The answer; ``status`` is 0 where none came."""

    url: str
    status: int
    body: str
    seconds: float
    headers: dict[str, str] = field(default_factory=dict)

    def json(self):
        return json.loads(self.body)


def send_at_once(requests):
    """Sends all requests at the same moment, each over a connection that is open by then."""
    ready = threading.Barrier(len(requests))
    answers: list[Answered | None] = [None] * len(requests)

    def send(number):
        answers[number] = _send(requests[number], ready)

    threads = [threading.Thread(target=send, args=(n,), daemon=True) for n in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_SECONDS + 10)
    return [
        answer or Answered(asked.url, 0, "no answer in time", 0)
        for asked, answer in zip(requests, answers, strict=True)
    ]


def _send(asked, ready=None):
    parts = urlsplit(asked.url)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS
    )
    started = time.monotonic()
    try:
        connection.connect()
        if ready is not None:
            ready.wait(TIMEOUT_SECONDS)
        started = time.monotonic()
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers={"Cookie": asked.cookie, **asked.headers})
        response = connection.getresponse()
        body = response.read().decode()
        seconds = time.monotonic() - started
        return Answered(asked.url, response.status, body, seconds, dict(response.headers))
    except (OSError, http.client.HTTPException) as error:
        return Answered(asked.url, 0, repr(error), time.monotonic() - started)
    finally:
        connection.close()


class Background:
    """A request under way; ``answer`` waits for its end."""

    def __init__(self, asked):
        self._result: list[Answered] = []
        self._thread = threading.Thread(
            target=lambda: self._result.append(_send(asked)), daemon=True
        )
        self._thread.start()

    def answer(self):
        self._thread.join(TIMEOUT_SECONDS + 10)
        return self._result[0] if self._result else Answered("", 0, "no answer in time", 0)


def send(asked):
    return _send(asked)
