"""Where an HTTP answer sends the browser."""

from __future__ import annotations

from urllib.parse import parse_qsl, urljoin

from ...oidc import http

PAGE = {"Accept": "text/html,application/xhtml+xml"}


def open_page(url: str, limits: http.Limits) -> http.Answer:
    """The answer to a browser that opens ``url``. Redirects are not followed."""
    return http.exchange("GET", url, limits=limits, headers=PAGE)


def onward(url: str, answer: http.Answer) -> str:
    """The address that ``answer`` redirects to; empty if it does not redirect to an address."""
    location = answer.headers.get("Location")
    if not (300 <= answer.status < 400 and location):
        return ""
    try:
        target = urljoin(url, location)
        http.origin_of(target)
    except ValueError:
        return ""
    return target


def parameters(url: str) -> list[tuple[str, str]]:
    """The parameters in the query and in the fragment."""
    before, _, fragment = url.partition("#")
    return parse_qsl(before.partition("?")[2]) + parse_qsl(fragment)
