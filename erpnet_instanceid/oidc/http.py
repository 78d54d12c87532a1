"""Requests to the instance: one pool, a deadline for the whole exchange, a cap on the answer.

The only module of this package that knows requests. Nothing is ever repeated here: a token
request carries something that can be spent once.
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
    """How long an exchange may take, in seconds: to connect, and as a whole, body included."""

    connect: float = 3.05
    deadline: float = 10.0

    def shortened_to(self, seconds: float) -> Limits:
        return Limits(self.connect, min(self.deadline, seconds))


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read to its end."""

    url: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def check_available(self) -> None:
        """Raises InstanceUnavailable where the instance says that it cannot answer now."""
        if self.status >= 500 or self.status == 429:
            raise InstanceUnavailable("server_error", url=self.url, status=self.status)

    def json_object(self) -> dict[str, Any]:
        """The JSON object in the body. Raises InvalidResponse where it holds none."""
        try:
            value = read_json(self.body)
        except ValueError:
            raise InvalidResponse("not_json", url=self.url, status=self.status) from None
        if not isinstance(value, dict):
            raise InvalidResponse("not_a_json_object", url=self.url, status=self.status)
        return value


class InstanceAdapter(HTTPAdapter):
    """Keeps connections open between calls, and repeats nothing."""

    def __init__(self) -> None:
        super().__init__(*POOL_SIZE, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def forget_connections(self) -> None:
        """Starts with a new pool, for the sessions that are open as well."""
        self.proxy_manager = {}
        self.init_poolmanager(*POOL_SIZE)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager


class NoCredentials(AuthBase):
    """Keeps requests from looking for the host's name and password in ``.netrc``."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


S = TypeVar("S", bound=requests.Session)


def new_session(session_class: type[S]) -> S:
    """A session over the process's pool, that shares no cookies with others and takes no
    credentials from the host."""
    session = session_class()
    # Proxies and certificates of the environment are looked up once (see `environment`).
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
    """Start with a new pool: two processes must not speak over one connection."""
    if _adapter is not None:
        _adapter.forget_connections()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_connections)


def origin_of(url: str) -> str:
    """Scheme, host and port of ``url``, in the form in which two of them can be compared."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in (None, default) else f":{parts.port}"
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def shown_address(url: str) -> str:
    """``url`` without what in it may be a secret, for an error."""
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
    """One request and its whole answer, within the limits. Redirects are not followed.

    Raises InstanceUnavailable, with ``answer_lost`` where the instance may have done the work.
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
            # Straight to the pool: cookies, redirects and hooks, which a session would see to,
            # cost a third of the call, and there are none.
            response = _shared_adapter().send(
                request,
                stream=True,
                timeout=(min(limits.connect, left), left),
                **environment(origin_of(url)),
            )
            try:
                body = b""
                # Until there is nothing more: only the read after the last one tells an answer
                # that was cut off, and gives the connection back to the pool.
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
    """What each request to an endpoint begins as: to take its address apart takes its time."""
    request = requests.PreparedRequest()
    # Compression is declined: a small answer could unpack into one that fills the memory.
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    request.prepare(method, url, headers, auth=NoCredentials())
    return request


def read_body(response: requests.Response, max_bytes: int) -> None:
    """Reads the answer to its end, unpacked. Raises InvalidResponse where it is larger than
    ``max_bytes``, the connection closed."""
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
    """Gives ``response`` a body that has been read already."""
    # requests has no public way. `content` and `json()` take the body from this attribute.
    response._content = body


def unavailable(error: Exception, url: str) -> InstanceUnavailable:
    """What a failure of the transport means. The cause is named, its text is not kept."""
    cause = _root_cause(error)
    if isinstance(error, requests.exceptions.SSLError):
        return InstanceUnavailable("tls_failed", url=url, cause=cause, answer_lost=False)
    if isinstance(error, requests.exceptions.ProxyError):
        # The proxy was not reached, or made no way to the instance.
        return InstanceUnavailable("proxy_failed", url=url, cause=cause, answer_lost=False)
    if isinstance(error, requests.ConnectTimeout):
        return InstanceUnavailable("timeout", url=url, cause=cause, answer_lost=False)
    if cause in ("NewConnectionError", "NameResolutionError", "ConnectionRefusedError", "gaierror"):
        return InstanceUnavailable("unreachable", url=url, cause=cause, answer_lost=False)
    if isinstance(error, requests.Timeout | urllib3.exceptions.ReadTimeoutError | TimeoutError):
        return InstanceUnavailable("timeout", url=url, cause=cause, answer_lost=True)
    return InstanceUnavailable("connection_lost", url=url, cause=cause, answer_lost=True)


def _root_cause(error: BaseException) -> str:
    inner = error.args[0] if error.args else None
    reason = getattr(inner, "reason", None)
    return type(reason or inner if isinstance(inner, BaseException) else error).__name__
