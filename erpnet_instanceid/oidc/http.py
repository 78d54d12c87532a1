"""Requests to the instance: one pool, a deadline for the whole exchange, a cap on the answer.

The only module of ``oidc`` that imports requests. It never repeats a request, since a token
request carries a code or a refresh token that can be spent only once.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from .errors import InstanceUnavailable, InvalidResponse
from .jose import read_json
from .pool import POOLS, deadline, seconds_left

MAX_ANSWER_BYTES = 1024 * 1024
# How many hosts, and how many idle connections to each.
POOL_SIZE = (4, 32)


@dataclass(frozen=True)
class Limits:
    """Seconds that an exchange may take: to connect, and in all, until the body has been read."""

    connect: float = 3.05
    deadline: float = 10.0

    def shortened_to(self, seconds: float) -> Limits:
        return Limits(self.connect, min(self.deadline, seconds))


@dataclass(frozen=True)
class Answer:
    """An HTTP answer with its whole body."""

    url: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

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


class InstanceAdapter(HTTPAdapter):
    """Keeps connections open between calls, and never repeats a call."""

    def __init__(self) -> None:
        super().__init__(*POOL_SIZE, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def forget_connections(self) -> None:
        """Starts a new pool. Sessions that are open use it too."""
        self.proxy_manager = {}
        self.init_poolmanager(*POOL_SIZE)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager


class NoCredentials(AuthBase):
    """Stops requests from sending credentials that it finds in ``.netrc``."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


S = TypeVar("S", bound=requests.Session)


def new_session(session_class: type[S]) -> S:
    """A session over the process's pool, without cookies and without credentials of the host."""
    session = session_class()
    # requests would read proxies and certificates for each call; `environment` reads them once.
    session.trust_env = False
    session.auth = NoCredentials()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = _shared_adapter()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


@functools.lru_cache(maxsize=64)
def environment(origin: str) -> Mapping[str, Any]:
    """The proxies and certificates that the process environment sets for this origin."""
    with requests.Session() as session:
        found = session.merge_environment_settings(origin, {}, None, None, None)
    return {"proxies": dict(found["proxies"]), "verify": found["verify"]}


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


def exchange(
    method: str,
    url: str,
    *,
    limits: Limits,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Sends one request and returns its whole answer. Does not follow redirects.

    Raises InstanceUnavailable, with ``answer_lost`` where the instance may have carried it out,
    and InvalidResponse where the answer is larger than 1 MiB.
    """
    shown = shown_address(url)
    try:
        with deadline(limits.deadline):
            left = seconds_left()
            if left <= 0:
                raise InstanceUnavailable("timeout", url=shown, answer_lost=False)
            request = _prepared(method, url).copy()
            if form is not None:
                request.prepare_body(form, None)
            if headers:
                request.prepare_headers({**request.headers, **headers})
            # Without a requests.Session, whose work (cookies, redirects, hooks) we do not need
            # and which takes a third of the call's time.
            response = _shared_adapter().send(
                request,
                stream=True,
                timeout=(min(limits.connect, left), left),
                **environment(origin_of(url)),
            )
            try:
                body = b""
                # Until a read returns nothing: only that read notices an answer that was cut off,
                # and returns the connection to the pool.
                while chunk := response.raw.read(
                    MAX_ANSWER_BYTES + 1 - len(body), decode_content=False
                ):
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise InvalidResponse("answer_too_large", url=shown, limit=MAX_ANSWER_BYTES)
            finally:
                response.close()
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise unavailable(error, shown) from None
    return Answer(url=shown, status=response.status_code, headers=dict(response.headers), body=body)


@functools.lru_cache(maxsize=64)
def _prepared(method: str, url: str) -> requests.PreparedRequest:
    """A request to copy: parsing the address again for each call would take time."""
    request = requests.PreparedRequest()
    # No compression: a small answer could unpack to a size that fills the memory.
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    request.prepare(method, url, headers, auth=NoCredentials())
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


def unavailable(error: Exception, url: str) -> InstanceUnavailable:
    """The error for a failure of the transport.

    It names the class of the cause and leaves out its text, which may hold what we sent.
    """
    cause = _root_cause(error)
    if isinstance(error, requests.exceptions.SSLError):
        return InstanceUnavailable("tls_failed", url=url, cause=cause, answer_lost=False)
    if isinstance(error, requests.exceptions.ProxyError):
        # The proxy is down, or refused to connect us to the instance.
        return InstanceUnavailable("proxy_failed", url=url, cause=cause, answer_lost=False)
    if isinstance(error, requests.ConnectTimeout):
        return InstanceUnavailable("timeout", url=url, cause=cause, answer_lost=False)
    if cause in ("NewConnectionError", "NameResolutionError", "ConnectionRefusedError", "gaierror"):
        return InstanceUnavailable("unreachable", url=url, cause=cause, answer_lost=False)
    if isinstance(error, requests.Timeout | urllib3.exceptions.ReadTimeoutError | TimeoutError):
        return InstanceUnavailable("timeout", url=url, cause=cause, answer_lost=True)
    return InstanceUnavailable("connection_lost", url=url, cause=cause, answer_lost=True)


def _root_cause(error: BaseException) -> str:
    # requests wraps the exceptions of urllib3, and MaxRetryError wraps one more.
    wrapped = error.args[0] if error.args else None
    if not isinstance(wrapped, BaseException):
        return type(error).__name__
    return type(getattr(wrapped, "reason", None) or wrapped).__name__
