"""Many requests at the same moment."""

import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
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
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests, [ready] * len(requests)))


def send(asked, ready=None):
    parts = urlsplit(asked.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
    started = time.monotonic()
    try:
        connection.connect()
        if ready is not None:
            ready.wait(TIMEOUT_SECONDS)
        started = time.monotonic()
        path = parts._replace(scheme="", netloc="").geturl()
        connection.request("GET", path, headers={"Cookie": asked.cookie, **asked.headers})
        response = connection.getresponse()
        body = response.read().decode()
        seconds = time.monotonic() - started
        return Answered(asked.url, response.status, body, seconds, dict(response.headers))
    except (OSError, http.client.HTTPException) as error:
        return Answered(asked.url, 0, repr(error), time.monotonic() - started)
    finally:
        connection.close()
