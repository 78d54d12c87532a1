"""Back-channel logout: the instance tells applications that a session has ended."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

import requests


@dataclass(frozen=True)
class LogoutMessage:
    """A logout token, and the application's address for it."""

    url: str
    logout_token: str = field(repr=False)


@dataclass(frozen=True)
class Notice:
    """One back-channel notice, with the application's answer. `status` is None without one."""

    url: str
    logout_token: str = field(repr=False)
    status: int | None
    headers: dict[str, str] = field(default_factory=dict, repr=False)


def deliver(url: str, logout_token: str) -> Notice:
    """POST a logout token as an instance does. Back-Channel Logout 1.0 section 2.5."""
    with requests.Session() as http:
        http.trust_env = False
        try:
            answer = http.post(
                url, data={"logout_token": logout_token}, timeout=5, allow_redirects=False
            )
        except requests.RequestException:
            return Notice(url, logout_token, None)
        return Notice(url, logout_token, answer.status_code, dict(answer.headers))


class Notices:
    """Sends notices and keeps the answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: list[Notice] = []
        self._threads: list[threading.Thread] = []

    @property
    def sent(self) -> list[Notice]:
        with self._lock:
            return list(self._sent)

    def send(self, messages: Iterable[LogoutMessage]) -> list[Notice]:
        """Send the messages now; returns the answers."""
        sent = [deliver(message.url, message.logout_token) for message in messages]
        with self._lock:
            self._sent += sent
        return sent

    def send_soon(self, messages: list[LogoutMessage]) -> None:
        """Send from another thread: the application may be waiting for our own answer."""
        if not messages:
            return
        thread = threading.Thread(target=self.send, args=(messages,), daemon=True)
        with self._lock:
            self._threads = [t for t in self._threads if t.is_alive()]
            self._threads.append(thread)
        thread.start()

    def wait(self, timeout: float = 10) -> list[Notice]:
        """All notices, after the ones under way have been answered."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(timeout)
        return self.sent
