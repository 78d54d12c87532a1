"""Requests to the instance: one pool, a deadline for the whole exchange, a cap on the answer.

Never repeats a request, since a token request carries a code or a refresh token that can be spent
only once.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote_plus, urlsplit

import requests
import urllib3
from requests.cookies import RequestsCookieJar
from requests.utils import check_header_validity

from .adapter import InstanceAdapter, environment, is_timeout, is_tls_failure
from .errors import InstanceUnavailable, InvalidResponse
from .jose import read_json
from .pool import Bound, deadline

MAX_ANSWER_BYTES = 1024 * 1024
# No compression: a small answer could unpack to a size that fills the memory.
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}
# A code or a refresh token is not sent with less than this left of the deadline, nor with less than
# a third of it: the answer would come too late, and what was sent would be spent for nothing.
LEAST_ANSWER_SECONDS = 0.5


@dataclass(frozen=True)
class Limits:
    """Seconds that an exchange may take: to connect, and in all, until the body has been read."""

    connect: float = 3.05
    deadline: float = 10.0

    @property
    def timeout(self) -> tuple[float, float]:
        """To connect and to read, as requests takes it."""
        return self.connect, self.deadline

    def shortened_to(self, seconds: float) -> Limits:
        return Limits(min(self.connect, seconds), min(self.deadline, seconds))


@dataclass(frozen=True)
class Answer:
    """An HTTP answer with its whole body."""

    url: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def told_at(self) -> float | None:
        """The instance's time of the answer, in Unix seconds; None where it does not tell."""
        try:
            return parsedate_to_datetime(self.headers.get("Date", "")).timestamp()
        except (ValueError, TypeError):
            return None

    def check_available(self) -> None:
        """Raises InstanceUnavailable for a status that means "try later"."""
        if self.status >= 500 or self.status == 429:
            raise InstanceUnavailable("server_error", url=self.url, status=self.status)

    def json_object(self) -> dict[str, Any]:
        """The JSON object in the body. Raises InvalidResponse where the body is anything else."""
        try:
            value = read_json(self.body)
        except ValueError:
            raise InvalidResponse("not_json", url=self.url, status=self.status) from None
        if not isinstance(value, dict):
            raise InvalidResponse("not_a_json_object", url=self.url, status=self.status)
        return value


class NoCookies(RequestsCookieJar):
    """Keeps no cookie of any answer."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        pass


S = TypeVar("S", bound=requests.Session)


def new_session(session_class: type[S]) -> S:
    """A session over the process's pool, without cookies and without credentials of the host."""
    session = session_class()
    # requests would read proxies and certificates for each call; `environment` reads them once. It
    # would also send a password from ``.netrc``.
    session.trust_env = False
    session.cookies = NoCookies()
    # HTTP/1.1 keeps connections open without being told.
    session.headers.pop("Connection", None)
    adapter = _shared_adapter()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


_adapter: InstanceAdapter | None = None


def _shared_adapter() -> InstanceAdapter:
    global _adapter
    if _adapter is None:
        _adapter = InstanceAdapter()
    return _adapter


def forget_connections() -> None:
    """Starts a new pool: two processes must not write to one connection."""
    if _adapter is not None:
        _adapter.forget_connections()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_connections)


# The addresses of the instance are asked for at each exchange.
@functools.lru_cache(maxsize=64)
def origin_of(url: str) -> str:
    """Scheme, host and port of ``url``. Equal strings mean equal origins."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in (None, default) else f":{parts.port}"
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def shown_address(url: str) -> str:
    """``url`` for an error message: without query, fragment and password."""
    try:
        return f"{origin_of(url)}{urlsplit(url).path}"[:200]
    except ValueError:
        return "malformed"


def urlencoded(values: Mapping[str, str]) -> str:
    """``values`` as a form or a query. The names must need no quoting. RFC 6749 appendix B."""
    # urlencode() would spend half of its time on the names.
    return "&".join(f"{name}={quote_plus(value)}" for name, value in values.items())


def exchange(
    method: str,
    url: str,
    *,
    limits: Limits,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Sends one request and returns its whole answer. Does not follow redirects.

    A ``form`` holds something that can be spent only once: it is not sent without the time to hear
    the answer. Raises InstanceUnavailable, with ``answer_lost`` where the instance may have carried
    the request out, and InvalidResponse where the answer is larger than 1 MiB.
    """
    shown = shown_address(url)
    with deadline(limits.deadline) as bound:
        left = bound.left()
        if form is not None:
            bound.to_answer = max(left / 3, min(LEAST_ANSWER_SECONDS, limits.deadline / 3))
        if left <= bound.to_answer:
            raise InstanceUnavailable("timeout", url=shown, answer_lost=False)
        try:
            response = _send(method, url, form, headers or {}, limits.shortened_to(left))
            try:
                body = _read_whole(response, shown)
            finally:
                response.close()
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise unavailable(error, shown, bound) from None
    return Answer(url=shown, status=response.status, headers=response.headers, body=body)


def _send(
    method: str,
    url: str,
    form: Mapping[str, str] | None,
    headers: Mapping[str, str],
    limits: Limits,
) -> urllib3.BaseHTTPResponse:
    request = _prepared(method, url)
    kind = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
    for header in headers.items():
        check_header_validity(header)
    return _shared_adapter().send_plainly(
        request,
        body=None if form is None else urlencoded(form),
        headers={**HEADERS, **kind, **headers},
        timeout=urllib3.Timeout(connect=limits.connect, read=limits.deadline),
        **environment(origin_of(str(request.url))),
    )


def _read_whole(response: urllib3.BaseHTTPResponse, shown: str) -> bytes:
    body = b""
    # A whole answer closes itself, and returns the connection to the pool. One that was cut off
    # stays open, and the next read raises.
    while not response.closed:
        body += response.read(MAX_ANSWER_BYTES + 1 - len(body), decode_content=False)
        if len(body) > MAX_ANSWER_BYTES:
            raise InvalidResponse("answer_too_large", url=shown, limit=MAX_ANSWER_BYTES)
    return body


@functools.lru_cache(maxsize=64)
def _prepared(method: str, url: str) -> requests.PreparedRequest:
    """Method and address: checking the address again for each call would take time."""
    request = requests.PreparedRequest()
    request.prepare_method(method)
    request.prepare_url(url, None)
    return request


def read_body(response: requests.Response, max_bytes: int) -> None:
    """Reads and unpacks the whole body.

    Raises InvalidResponse where it is larger than ``max_bytes``, and closes the connection.
    """
    chunks, size = [], 0
    for chunk in response.iter_content(64 * 1024):
        size += len(chunk)
        if size > max_bytes:
            response.close()
            url = shown_address(response.url)
            raise InvalidResponse("answer_too_large", url=url, limit=max_bytes)
        chunks.append(chunk)
    set_body(response, b"".join(chunks))


def set_body(response: requests.Response, body: bytes) -> None:
    """Sets the body of ``response`` to bytes that have been read already."""
    # requests has no public way to do this. `content` and `json()` read this attribute.
    response._content = body


def unavailable(error: Exception, url: str, bound: Bound) -> InstanceUnavailable:
    """The error for a failure of the transport.

    It names the class of the cause and leaves out its text, which may hold what we sent.
    """
    facts: dict[str, Any] = {"url": url, "cause": _root_cause(error), "answer_lost": bound.sent}
    if is_tls_failure(error):
        return InstanceUnavailable("tls_failed", **facts)
    if is_timeout(error):
        return InstanceUnavailable("timeout", **facts)
    if bound.sent:
        return InstanceUnavailable("connection_lost", **facts)
    return InstanceUnavailable("unreachable", **facts)


def _root_cause(error: BaseException) -> str:
    # requests wraps the exceptions of urllib3, which wrap those of Python.
    within = (getattr(error, "reason", None), *error.args)
    wrapped = [each for each in within if isinstance(each, BaseException)]
    return _root_cause(wrapped[0]) if wrapped else type(error).__name__
