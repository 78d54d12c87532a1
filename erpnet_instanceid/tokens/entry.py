"""The entry of this app in a Django session.

Requests read tokens from here, but the SignIn row is authoritative: Django saves a session as a
whole, so a slow request may overwrite newer tokens with older ones.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase

from ..conf import conf
from ..oidc.token_set import TokenSet
from ..records import from_dict, to_dict
from ..sealing import seal, unseal
from .connections import after_commit
from .engine import reopen, untouched

logger = logging.getLogger("erpnet_instanceid")

ENTRY_KEY = "erpnet_instanceid"


@dataclass(frozen=True)
class SessionEntry:
    """The tokens of one session. Times are Unix seconds; ``access_token`` is sealed.

    ``session_key`` is the key by which the SignIn row knows the session. ``target`` is the page
    that the visitor came to after signing in. ``authenticated_at`` is 0 where the instance did not
    tell. ``is_carried``: the site has signed the visitor in as another user since, who may not use
    these tokens.
    """

    VERSION: ClassVar[int] = 1

    sign_in: str
    session_key: str | None
    generation: int
    expires_at: int
    renew_at: float
    access_token: str = field(repr=False)
    target: str = ""
    authenticated_at: int = 0
    is_carried: bool = False

    def __post_init__(self) -> None:
        """Raises TypeError or ValueError where it is not what this version writes."""
        for text in (self.sign_in, self.access_token, self.target):
            if not isinstance(text, str):
                raise TypeError
        for number in (self.generation, self.expires_at, self.renew_at, self.authenticated_at):
            if not isinstance(number, (int, float)):
                raise TypeError
        UUID(self.sign_in)

    def seconds_left(self) -> float:
        """How long the access token still lives; negative once it has expired."""
        return self.expires_at - time.time()

    def has_expired(self) -> bool:
        return self.seconds_left() <= 0

    def is_due(self) -> bool:
        """Whether it is time to renew the access token."""
        return self.renew_at <= time.time()

    def opened_token(self) -> str | None:
        """The access token, None where SECRET_KEY has changed since."""
        data = unseal("access_token", self.access_token)
        return None if data is None else data.decode()

    def with_key(self, session_key: str | None) -> SessionEntry:
        return dataclasses.replace(self, session_key=session_key)

    def with_tokens(self, generation: int, tokens: TokenSet) -> SessionEntry:
        return dataclasses.replace(self, **_token_fields(generation, tokens))


def new_entry(
    session: SessionBase, sign_in_id: object, generation: int, tokens: TokenSet, **more: Any
) -> SessionEntry:
    """The entry for a sign-in that has just been completed on ``session``.

    ``more`` are further fields of the entry.
    """
    return SessionEntry(
        sign_in=str(sign_in_id),
        session_key=session.session_key,
        **_token_fields(generation, tokens),
        **more,
    )


def _token_fields(generation: int, tokens: TokenSet) -> dict[str, Any]:
    return {
        "generation": generation,
        "expires_at": tokens.expires_at,
        "renew_at": tokens.renew_at(conf.refresh_margin),
        "access_token": seal("access_token", tokens.access_token.encode()),
    }


def write_entry(session: SessionBase, entry: SessionEntry) -> None:
    session[ENTRY_KEY] = to_dict(entry)


def entry_in(content: Mapping[str, Any]) -> SessionEntry | None:
    """The entry in a session's content, None where there is none that this version can read."""
    return from_dict(SessionEntry, content.get(ENTRY_KEY))


def read_entry(session: SessionBase) -> SessionEntry | None:
    """The entry of the session, None where it has none that this version can read."""
    return from_dict(SessionEntry, session.get(ENTRY_KEY))


def own_entry(session: SessionBase, user: Any) -> SessionEntry | None:
    """The entry of the session, if the visitor acts as ``user`` and not as somebody else.

    None for a user whom the site has deactivated: the session is still there.
    """
    entry = read_entry(session)
    if entry is None or entry.is_carried or not is_on_session(user, session):
        return None
    return entry


def is_on_session(user: Any, session: SessionBase) -> bool:
    """Whether ``user`` signed in on the session. A middleware of the site may set another one."""
    return str(user.pk) == session.get(SESSION_KEY)


def store_newer(
    session: SessionBase, entry: SessionEntry, generation: int, tokens: TokenSet
) -> None:
    """Puts the tokens of a later generation on the session; the rest of ``entry`` stays.

    They are saved at once, or after the caller's commit: the engine's copy of the session is read
    again, and gets this entry. If Django saved them with the rest at the end of the request, they
    would undo what other requests wrote meanwhile, and the request would fail if the session's key
    has changed.
    """
    newer = entry.with_tokens(generation, tokens)
    with untouched(session):
        write_entry(session, newer)
    after_commit(functools.partial(_save_newer, session, newer))


def catch_up(
    session: SessionBase, entry: SessionEntry, generation: int, tokens: TokenSet
) -> SessionEntry:
    """Like `store_newer`, for a request that has not touched its session yet.

    Also reloads the session, since others may have written while the request waited. Returns the
    entry as it is now.
    """
    newer = entry.with_tokens(generation, tokens)
    saved = _save_newer(session, newer)
    with untouched(session):
        if saved is not None and not session.modified:
            newer = read_entry(saved) or newer
            content = dict(saved.items())
            session.clear()
            session.update(content)
        write_entry(session, newer)
    return newer


def _save_newer(session: SessionBase, newer: SessionEntry) -> SessionBase | None:
    """The session as its engine holds it, with no tokens older than ``newer``.

    None where the engine has it under another key by now, or not at all, or does not answer. A
    later request then finds the tokens in the row.
    """
    try:
        saved = reopen(session, session.session_key)
        there = read_entry(saved)
        if there is None or there.sign_in != newer.sign_in:
            return None
        if there.generation < newer.generation:
            write_entry(saved, newer)
            saved.save()
    except Exception as error:  # noqa: BLE001 - each engine fails in its own way
        logger.warning("session_not_caught_up error=%s", type(error).__name__)
        return None
    return saved
