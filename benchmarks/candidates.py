"""The middleware of each candidate, its session, and requests to pages below it."""

from __future__ import annotations

import asyncio
import atexit
import base64
import io
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import django

DIRECTORY = tempfile.TemporaryDirectory()
atexit.register(DIRECTORY.cleanup)
os.environ["BENCHMARK_DIRECTORY"] = DIRECTORY.name
os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.sites.pages"
django.setup()

# ruff: noqa: E402 - these need the settings
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.contrib import auth
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.http import HttpRequest
from django.test import override_settings
from lasuite.oidc_login.backends import store_tokens

from erpnet_instanceid.middleware import TokenRefreshMiddleware
from erpnet_instanceid.oidc.token_set import TokenSet
from erpnet_instanceid.tokens.entry import new_entry, write_entry

OURS, MOZILLA, LASUITE = "erpnet_instanceid", "mozilla-django-oidc", "django-lasuite"
LOAD = "the session's own load"
FIRST = "ours, a session that the process has not seen"

# As long as the access tokens of the instance, which each candidate keeps in its own way.
ACCESS_TOKEN = base64.urlsafe_b64encode(os.urandom(825)).decode()
REFRESH_TOKEN = os.urandom(32).hex()


@dataclass(frozen=True)
class Candidate:
    name: str
    middleware: str
    backend: str
    fill: Callable[[Any], None]


class LoadsSession:
    """A request that only loads the session: the least that any candidate can take."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[..., Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if self.is_async:
            return self._acall(request)
        request.session.get("anything")
        request.session.accessed = False
        return self.get_response(request)

    async def _acall(self, request: HttpRequest) -> Any:
        await request.session.aget("anything")
        request.session.accessed = False
        return await self.get_response(request)


class NeverSeen(TokenRefreshMiddleware):
    """Ours as the first request of a visitor to a process meets it."""

    def __call__(self, request: HttpRequest) -> Any:
        self.due_at.clear()
        return super().__call__(request)


def fill_ours(session: Any) -> None:

    expires_at = int(time.time()) + 3600
    tokens = TokenSet(ACCESS_TOKEN, "", REFRESH_TOKEN, expires_at, "", 3600)
    write_entry(session, new_entry(session, "0" * 32, 1, tokens, target="/done"))


def fill_mozilla(session: Any) -> None:
    session["oidc_access_token"] = ACCESS_TOKEN
    session["oidc_id_token_expiration"] = time.time() + 3600


def fill_lasuite(session: Any) -> None:

    store_tokens(session, ACCESS_TOKEN, None, REFRESH_TOKEN)
    session["oidc_id_token_expiration"] = time.time() + 3600


CANDIDATES = (
    Candidate(
        OURS,
        "erpnet_instanceid.middleware.TokenRefreshMiddleware",
        "erpnet_instanceid.backends.InstanceIDBackend",
        fill_ours,
    ),
    Candidate(
        MOZILLA,
        "mozilla_django_oidc.middleware.SessionRefresh",
        "mozilla_django_oidc.auth.OIDCAuthenticationBackend",
        fill_mozilla,
    ),
    Candidate(
        LASUITE,
        "lasuite.oidc_login.middleware.RefreshOIDCAccessToken",
        "lasuite.oidc_login.backends.OIDCAuthenticationBackend",
        fill_lasuite,
    ),
)
NAMES = tuple(candidate.name for candidate in CANDIDATES)


def make_sessions() -> tuple[User, dict[str, str]]:
    """Somebody signed in, and the key of their session with each candidate."""
    call_command("migrate", verbosity=0)
    user = User.objects.create_user("maria", "maria@company.example")
    return user, {candidate.name: make_session(candidate, user) for candidate in CANDIDATES}


def make_session(candidate: Candidate, user: Any) -> str:
    """The key of a session of ``user``, as the candidate's sign-in leaves it."""

    session = SessionStore()
    session[auth.SESSION_KEY] = str(user.pk)
    session[auth.BACKEND_SESSION_KEY] = candidate.backend
    session[auth.HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    candidate.fill(session)
    session.save()
    return str(session.session_key)


def wsgi_get(handler: Any, page: str, cookie: str | None) -> list[tuple[str, str]]:
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": page,
        "QUERY_STRING": "",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
    }
    if cookie:
        environ["HTTP_COOKIE"] = cookie
    answer: list[Any] = []
    response = handler(environ, lambda status, headers, *_: answer.extend((status, headers)))
    body = b"".join(response)
    response.close()
    if answer[0] != "200 OK" or not body:
        raise RuntimeError(f"{page} answered {answer[0]}")
    return answer[1]  # type: ignore[no-any-return]


async def asgi_get(handler: Any, page: str, cookie: str) -> list[tuple[str, str]]:
    headers = [(b"host", b"testserver"), (b"cookie", cookie.encode())]
    scope = {
        "type": "http",
        "method": "GET",
        "path": page,
        "query_string": b"",
        "headers": headers,
        "http_version": "1.1",
    }
    messages = [{"type": "http.request", "body": b"", "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        # The browser stays.
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await handler(scope, receive, send)
    if sent[0]["status"] != 200:
        raise RuntimeError(f"{page} answered {sent[0]['status']}")
    return [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]


def varies_by_cookie(headers: Sequence[tuple[str, str]]) -> bool:
    return any(name.lower() == "vary" and "Cookie" in value for name, value in headers)


def handlers(make: Callable[[], Any]) -> dict[str, Any]:
    """A handler for each candidate's stack, for the plain one and for those to compare with."""
    stacks = {candidate.name: [candidate.middleware] for candidate in CANDIDATES}
    stacks["none"] = []
    for name, middleware in ((LOAD, LoadsSession), (FIRST, NeverSeen)):
        stacks[name] = [f"{middleware.__module__}.{middleware.__name__}"]
    made = {}
    for name, more in stacks.items():
        with override_settings(MIDDLEWARE=settings.MIDDLEWARE + more):
            made[name] = make()
    return made


def requests_to(
    page: str, get: Callable[..., Any], by_name: Mapping[str, Any], keys: Mapping[str, str]
) -> dict[str, Callable[[], Any]]:
    """A request with each candidate's middleware, and one with the same cookie without it."""
    requests = {}
    for name in NAMES:
        cookie = f"sessionid={keys[name]}"
        requests[name] = partial(get, by_name[name], page, cookie)
        requests[f"{name} without"] = partial(get, by_name["none"], page, cookie)
    for name in (LOAD, FIRST):
        requests[name] = partial(get, by_name[name], page, f"sessionid={keys[OURS]}")
    return requests
