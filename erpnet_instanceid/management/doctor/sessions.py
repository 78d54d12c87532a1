"""Examines whether a session is kept, and whether a browser would keep its cookies."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from urllib.parse import urlsplit

from django.conf import settings

from ..registration import login_url
from .findings import Finding, bad, ok

CURE = "Run manage.py migrate. Check SESSION_ENGINE, and the database or cache that it uses."


def examine_session_store() -> Finding:
    """Stores a session, reads it and deletes it."""
    try:
        kept = _is_kept()
    except Exception as error:  # noqa: BLE001 - each engine fails in its own way
        text = f"No session can be stored: {type(error).__name__}: {error}"
        return bad("sessions", " ".join(text.split()), CURE)
    if not kept:
        return bad("sessions", "A session that was stored is gone at once.", CURE)
    return ok("sessions", "Sessions are stored.")


def _is_kept() -> bool:
    engine = import_module(settings.SESSION_ENGINE)
    session = engine.SessionStore()
    session["doctor"] = True
    session.create()
    found = engine.SessionStore(session.session_key).get("doctor")
    session.delete()
    return bool(found)


def examine_cookies(site: str) -> Iterator[Finding]:
    """The settings by which a browser at ``site`` would refuse or withhold the site's cookies."""
    callback = urlsplit(login_url(site))
    host = callback.hostname or ""
    for setting in ("SESSION_COOKIE_DOMAIN", "CSRF_COOKIE_DOMAIN"):
        domain = str(getattr(settings, setting) or "").lstrip(".")
        if domain and not f".{host}".endswith(f".{domain}"):
            yield bad(
                "cookies",
                f"{setting} is {domain}, and a browser refuses such a cookie from {host}.",
                f"Leave {setting} out, or name the site's own domain.",
            )
    path = (settings.SESSION_COOKIE_PATH or "").rstrip("/")
    if not callback.path.startswith(f"{path}/"):
        yield bad(
            "cookies",
            f"SESSION_COOKIE_PATH is {path}, and the callback {callback.path} is not below it.",
            'Set SESSION_COOKIE_PATH = "/".',
        )
