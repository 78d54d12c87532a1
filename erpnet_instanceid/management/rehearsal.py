"""A sign-in of nobody: whether the instance would answer to the site's address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin

from ..oidc import http
from ..oidc.authorization import authorization_url, check_answer, new_secrets, read_answer
from ..oidc.client import Client
from ..oidc.errors import InstanceIDError

PAGE = {"Accept": "text/html,application/xhtml+xml"}
# From the authorize endpoint to the page with the error, where that is another one.
MAX_OWN_REDIRECTS = 2

# What a page may name. RFC 6749 4.1.2.1, and the instance's own `invalid_redirect_uri`.
_NAMED_ERROR = re.compile(
    r"\b(invalid_redirect_uri|invalid_request|invalid_client|unauthorized_client|invalid_scope"
    r"|unsupported_response_type|server_error|temporarily_unavailable)\b"
)


@dataclass(frozen=True)
class Rehearsal:
    """How the instance answered. ``error`` is what it named, empty where it named none.

    ``came_back``: the answer goes to the redirect URI. ``asks_who``: a page that wants a password
    was shown all the same, which tells nothing. Else the instance stopped at a page of its own.
    """

    came_back: bool
    asks_who: bool = False
    error: str = ""


def rehearse_sign_in(
    client: Client, *, redirect_uri: str, scope: str, response_type: str, response_mode: str
) -> Rehearsal:
    """Asks for a sign-in without a person and without a page: ``prompt=none``. Core 3.1.2.1.

    The instance checks the redirect URI before anything else, and answers ``login_required`` to it
    only where it is registered. Raises InstanceUnavailable or InvalidResponse.
    """
    endpoint = client.provider.metadata().authorization_endpoint
    url = authorization_url(
        endpoint,
        client_id=client.client_id,
        redirect_uri=redirect_uri,
        scope=scope,
        response_type=response_type,
        response_mode=response_mode,
        secrets=new_secrets(),
        prompt="none",
    )
    for _ in range(1 + MAX_OWN_REDIRECTS):
        answer = http.exchange("GET", url, limits=client.limits, headers=PAGE)
        answer.check_available()
        onward = urljoin(url, _location(answer))
        if _is_address(onward, redirect_uri):
            return Rehearsal(came_back=True, error=_error_in(_parameters(onward), client))
        if onward == url or http.origin_of(onward) != http.origin_of(endpoint):
            break
        url = onward
    page = _Page(answer.body.decode(errors="replace"))
    if page.action == redirect_uri:
        return Rehearsal(came_back=True, error=_error_in(page.fields, client))
    named = _NAMED_ERROR.search(page.text)
    return Rehearsal(
        came_back=False, asks_who=page.has_password, error=named.group() if named else ""
    )


def _location(answer: http.Answer) -> str:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return headers.get("location", "") if 300 <= answer.status < 400 else ""


def _is_address(url: str, redirect_uri: str) -> bool:
    """Whether ``url`` is the redirect URI with nothing but parameters behind it."""
    return url.startswith(redirect_uri) and url[len(redirect_uri) :][:1] in ("", "?", "&", "#")


def _parameters(url: str) -> list[tuple[str, str]]:
    before, _, fragment = url.partition("#")
    return parse_qsl(before.partition("?")[2]) + parse_qsl(fragment)


def _error_in(parameters: list[tuple[str, str]], client: Client) -> str:
    try:
        check_answer(
            read_answer(parameters),
            issuer=client.issuer,
            demand_issuer=False,
            demand_id_token=False,
        )
    except InstanceIDError as error:
        return error.code
    return ""


class _Page(HTMLParser):
    """What a page shows, and where its form leads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.action = ""
        self.fields: list[tuple[str, str]] = []
        self.has_password = False
        self.feed(page)
        self.close()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = values.get("action", "")
        elif tag == "input":
            self.fields.append((values.get("name", ""), values.get("value", "")))
            self.has_password |= values.get("type", "").lower() == "password"
