"""Rehearses a sign-in that signs nobody in: does the instance answer to the site's address?"""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Literal

from ...oidc import http
from ...oidc.authorization import authorization_url, check_answer, new_secrets, read_answer
from ...oidc.client import Client
from ...oidc.errors import InstanceIDError
from .redirects import onward, open_page, parameters

# An instance may send the browser through addresses of its own first.
MAX_OWN_REDIRECTS = 2


@dataclass(frozen=True)
class Rehearsal:
    """The instance's answer to the request.

    ``outcome`` is "answered" if it sent its answer to the redirect URI; ``error`` is then the
    OAuth error in it, or empty. It is "kept" if it refused the request or sent the browser to
    another page of its own. It is "unclear" if it showed a page at once.
    """

    outcome: Literal["answered", "kept", "unclear"]
    error: str = ""


def rehearse(
    client: Client, *, redirect_uri: str, scope: str, response_type: str, response_mode: str
) -> Rehearsal:
    """Asks for a sign-in without a person and without a page: ``prompt=none``. Core 3.1.2.1.

    The instance may not show its sign-in page then, and answers ``login_required``. It sends no
    answer to an address that is not registered: RFC 6749 4.1.2.1. What its pages say is not read.
    Raises InstanceUnavailable or InvalidResponse.
    """
    url = authorization_url(
        client.provider.metadata().authorization_endpoint,
        client_id=client.client_id,
        redirect_uri=redirect_uri,
        scope=scope,
        response_type=response_type,
        response_mode=response_mode,
        secrets=new_secrets(),
        prompt="none",
    )
    stop = _follow(url, redirect_uri, client.limits)
    if _is_address(stop.target, redirect_uri):
        return Rehearsal("answered", _error_in(parameters(stop.target), client))
    if response_mode == "form_post":
        form = _Form(stop.answer.body.decode(errors="replace"))
        if form.action == redirect_uri:
            return Rehearsal("answered", _error_in(form.fields, client))
    is_kept = stop.was_redirected or stop.answer.status >= 400
    return Rehearsal("kept" if is_kept else "unclear")


@dataclass(frozen=True)
class _Stop:
    """The last answer of the instance, and where it leads; empty if nowhere."""

    answer: http.Answer
    target: str
    was_redirected: bool


def _follow(url: str, redirect_uri: str, limits: http.Limits) -> _Stop:
    """Follows redirects for as long as they stay at the instance."""
    origin, left = http.origin_of(url), MAX_OWN_REDIRECTS
    answer, target = _opened(url, limits)
    was_redirected = bool(target)
    while left and target and not _is_address(target, redirect_uri):
        if http.origin_of(target) != origin:
            break
        answer, target = _opened(target, limits)
        left -= 1
    return _Stop(answer, target, was_redirected)


def _opened(url: str, limits: http.Limits) -> tuple[http.Answer, str]:
    answer = open_page(url, limits)
    answer.check_available()
    return answer, onward(url, answer)


def _is_address(url: str, redirect_uri: str) -> bool:
    """Whether ``url`` is the redirect URI, perhaps with parameters behind it."""
    return url.startswith(redirect_uri) and url[len(redirect_uri) :][:1] in ("", "?", "&", "#")


def _error_in(pairs: list[tuple[str, str]], client: Client) -> str:
    try:
        check_answer(
            read_answer(pairs),
            issuer=client.issuer,
            demand_issuer=False,
            demand_id_token=False,
        )
    except InstanceIDError as error:
        return error.code
    return ""


class _Form(HTMLParser):
    """The form of an answer by form_post: where it leads, and its fields. Form Post 2."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: list[tuple[str, str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = values.get("action", "")
        elif tag == "input":
            self.fields.append((values.get("name", ""), values.get("value", "")))
