"""Checks that a session stays on the server, for all processes, and leaves by https only."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.contrib.sessions.backends import cache, cached_db, signed_cookies
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage

from ..conf import conf
from .classes import imported, is_a
from .messages import error, warning

DATABASE = "django.contrib.sessions.backends.db"


def check_sessions() -> Iterator[CheckMessage]:
    yield from _engine()
    yield from _cookie()


def _engine() -> Iterator[CheckMessage]:
    engine = imported(f"{settings.SESSION_ENGINE}.SessionStore")
    if issubclass(engine, signed_cookies.SessionStore):
        yield error(
            23,
            "SESSION_ENGINE keeps sessions in cookies, so a sign-out cannot end them.",
            f"Use an engine that keeps them on the server, such as {DATABASE!r}.",
        )
    elif issubclass(engine, cache.SessionStore) and is_a(_cache(), DummyCache):
        yield error(
            30,
            f"Sessions are in the cache {settings.SESSION_CACHE_ALIAS!r}, and a DummyCache keeps "
            "nothing, so nobody stays signed in.",
            f"Use another cache in CACHES, or SESSION_ENGINE = {DATABASE!r}.",
        )
    elif issubclass(engine, cache.SessionStore | cached_db.SessionStore):
        yield from _cache_of_one_process()


def _cache_of_one_process() -> Iterator[CheckMessage]:
    # The development server is one process.
    if not settings.DEBUG and is_a(_cache(), LocMemCache):
        yield warning(
            15,
            f"Sessions are in the cache {settings.SESSION_CACHE_ALIAS!r}, a LocMemCache, and each "
            "process has its own: visitors seem signed out in every other process.",
            f"Use a cache that processes share (Redis), or SESSION_ENGINE = {DATABASE!r}.",
        )


def _cache() -> str:
    return str(settings.CACHES.get(settings.SESSION_CACHE_ALIAS, {}).get("BACKEND", ""))


def _cookie() -> Iterator[CheckMessage]:
    is_https = (conf.callback_url or "").startswith("https:") or not settings.DEBUG
    if is_https and not settings.SESSION_COOKIE_SECURE:
        yield warning(
            2,
            "SESSION_COOKIE_SECURE is not set.",
            "Set it to True on a site with https: browsers then never send the session cookie "
            "over plain http.",
        )
