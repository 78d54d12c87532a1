"""The tokens on the Django session: what requests use, never what decides.

The session holds the access token and which generation it is of. What decides is the `SignIn`
row: a session is written back whole by whichever request ends last, with what it read at first.
"""

from __future__ import annotations

import functools
import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from ..conf import conf
from ..models import SignIn
from ..oidc.token_set import JUST_ISSUED_SECONDS, TokenSet
from ..sealing import seal, unseal
from .connections import after_commit

logger = logging.getLogger("erpnet_instanceid")

SESSION_KEY = "erpnet_instanceid"
# Where Django's sessions keep what they have loaded. To look there loads nothing.
LOADED = "_session_cache"
_RENEWED_AT = "_instance_tokens_renewed_at"

Held = dict[str, Any]


def hold(
    session: SessionBase, sign_in_id: object, generation: int, tokens: TokenSet, more: Held
) -> None:
    """Puts a token set on the session, and ``more`` that stays for the whole sign-in."""
    session[SESSION_KEY] = {
        "session_key": session.session_key,
        **more,
        "sign_in": str(sign_in_id),
        **_of_tokens(generation, tokens),
    }


def hold_newer(session: SessionBase, value: Held, generation: int, tokens: TokenSet) -> None:
    """Puts the tokens of a later generation on the session, the rest left as it is.

    The session's key too: until the row is told of a new one (see the middleware), it has the old.
    Where the session is kept they are put at once, or after the caller's commit. Saved with the
    rest at the end of the request they would undo what others wrote meanwhile, and the request
    would fail where the session's key has changed.
    """
    newer = {**value, **_of_tokens(generation, tokens)}
    with _left_alone(session):
        session[SESSION_KEY] = newer
    after_commit(functools.partial(_keep, session, newer))


def catch_up(session: SessionBase, value: Held, generation: int, tokens: TokenSet) -> Held:
    """As `hold_newer`, before anything was done with the session: it is also read again.

    The caller may have waited for the tokens, and others have written. What it holds from then on.
    """
    newer = {**value, **_of_tokens(generation, tokens)}
    kept = _keep(session, newer)
    with _left_alone(session):
        if kept is not None and not session.modified:
            newer = kept[SESSION_KEY]
            content = dict(kept.items())
            session.clear()
            session.update(content)
        session[SESSION_KEY] = newer
    return newer


def _of_tokens(generation: int, tokens: TokenSet) -> Held:
    return {
        "generation": generation,
        "expires_at": tokens.expires_at,
        "renew_at": tokens.renew_at(conf.refresh_margin),
        "access_token": seal("access_token", tokens.access_token.encode()),
    }


def _keep(session: SessionBase, newer: Held) -> SessionBase | None:
    """The session as it is kept by now, with nothing older than ``newer``.

    None where it is kept under another key by now, or not at all, or cannot be reached: a later
    request sees to it.
    """
    try:
        kept = type(session)(session.session_key)
        there = held(kept)
        if there is None or there["sign_in"] != newer["sign_in"]:
            return None
        if there["generation"] < newer["generation"]:
            kept[SESSION_KEY] = newer
            kept.save()
    except Exception as error:  # noqa: BLE001 - engines fail in ways of their own
        logger.warning("session_not_caught_up error=%s", type(error).__name__)
        return None
    return kept


@contextmanager
def _left_alone(session: SessionBase) -> Iterator[None]:
    """Neither saved nor varied by, for what happens to the session inside the block."""
    accessed, modified = session.accessed, session.modified
    try:
        yield
    finally:
        session.accessed, session.modified = accessed, modified


def note_renewal(request: HttpRequest) -> None:
    """Remembers for the rest of a request that it has had its tokens renewed."""
    setattr(request, _RENEWED_AT, time.monotonic())


def was_just_renewed(request: HttpRequest) -> bool:
    """Whether the request has had its tokens renewed, and has not gone on for long since.

    An instance whose tokens end as they begin is not asked for another one then.
    """
    renewed_at = getattr(request, _RENEWED_AT, -math.inf)
    return bool(time.monotonic() - renewed_at < JUST_ISSUED_SECONDS)


def held(session: SessionBase) -> Held | None:
    """What `hold` put on the session, None where nothing or something else is there."""
    return _as_held(session.get(SESSION_KEY))


async def aheld(session: SessionBase) -> Held | None:
    """As `held`, in async code."""
    return _as_held(await session.aget(SESSION_KEY))


def _as_held(value: object) -> Held | None:
    return value if isinstance(value, dict) else None


def access_token(value: Held) -> str | None:
    """The access token on the session, None where SECRET_KEY has changed since."""
    data = unseal("access_token", value["access_token"])
    return None if data is None else data.decode()


def seconds_left(value: Held) -> float:
    """How long the access token on the session still lives; negative when it is over."""
    return float(value["expires_at"] - time.time())


def has_ended(tokens: TokenSet) -> bool:
    """Whether the access token's life is over."""
    return tokens.expires_at <= time.time()


def seal_tokens(tokens: TokenSet) -> str:
    return seal("tokens", tokens.to_json())


def unseal_tokens(sign_in: SignIn) -> TokenSet | None:
    """The row's token set, None where it holds none or SECRET_KEY has changed since."""
    data = unseal("tokens", sign_in.tokens) if sign_in.tokens else None
    return None if data is None else TokenSet.from_json(data)


@dataclass(frozen=True)
class Identity:
    """Who the visitor is at the instance. Times are Unix seconds.

    ``user_id`` is the instance's own id of them, which a rename does not change, where it tells
    one; else their login name, ``sub``. ``authenticated_at`` is when they last showed who they
    are, which may be long before they came to this site.
    """

    sub: str
    user_id: str
    user_type: str
    is_admin: bool
    signed_in_at: int
    authenticated_at: int


def identity_of(value: Held | None) -> Identity | None:
    """Who the visitor is, as the entry tells."""
    identity = value.get("identity") if value is not None else None
    return Identity(*identity) if identity else None


def end_session(session_key: str) -> None:
    """Deletes a Django session, whatever engine keeps it."""
    if session_key:
        import_module(settings.SESSION_ENGINE).SessionStore(session_key).delete(session_key)
