"""A sign-in, step by step, whatever carries the requests to the site."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Protocol
from urllib.parse import urlencode, urlsplit

import requests

from erpnet_instanceid.testing import visit

FORM = "application/x-www-form-urlencoded"
PAGE = {
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


@dataclass(frozen=True)
class Response:
    status: int
    headers: list[tuple[str, str]]
    body: bytes = field(repr=False)

    @property
    def location(self) -> str:
        return next((value for name, value in self.headers if name.lower() == "location"), "")


class Send(Protocol):
    def __call__(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Response: ...


class Browser:
    """The cookies of one visitor."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._cookies: dict[str, str] = {}

    def cookies(self) -> str:
        """The header with all of them."""
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    def get(self, path: str) -> Response:
        return self._keep(self._send("GET", path, {**PAGE, "Cookie": self.cookies()}, b""))

    def post(self, path: str) -> Response:
        """A form of the site's own, with nothing in it but Django's token."""
        secret = self._cookies.setdefault("csrftoken", "c" * 32)
        headers = {**PAGE, "Cookie": self.cookies(), "Content-Type": FORM}
        form = urlencode({"csrfmiddlewaretoken": secret})
        return self._keep(self._send("POST", path, headers, form.encode()))

    def post_from_elsewhere(self, path: str, form: str) -> Response:
        """The POST of another site's page, with which no cookie comes."""
        headers = {**PAGE, "Content-Type": FORM, "Origin": "null", "Sec-Fetch-Site": "cross-site"}
        return self._keep(self._send("POST", path, headers, form.encode()))

    def _keep(self, response: Response) -> Response:
        for name, value in response.headers:
            if name.lower() == "set-cookie":
                for key, morsel in SimpleCookie(value).items():
                    if morsel["max-age"] == "0" or morsel["max-age"] == 0:
                        self._cookies.pop(key, None)
                    else:
                        self._cookies[key] = morsel.value
        return response


def sign_in(
    browser: Browser,
    start: str,
    at_instance: requests.Session,
    login: str,
    *,
    by_post: bool = False,
    between: Callable[[], None] = lambda: None,
) -> None:
    """From the first click to the page that was asked for; ``between`` the start and the rest."""
    response = browser.post(start) if by_post else browser.get(start)
    between()
    if urlsplit(response.location).path.startswith("/id/"):
        answer = visit(response.location, login, at_instance)
        address = path_of(answer.url)
        if answer.method == "POST":
            form = urlencode(answer.fields)
            response = browser.post_from_elsewhere(address, form)
        else:
            response = browser.get(address)
    while response.location and path_of(response.location) != "/done":
        response = browser.get(path_of(response.location))
    if path_of(response.location) != "/done":
        raise RuntimeError(f"the sign-in ended in {response}: {response.body[:500]!r}")


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")
