"""Ends sign-ins. The first caller ends one, together with the Django session that it is on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.contrib import auth
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.db import Error as DatabaseFailure
from django.http import HttpRequest
from django.utils import timezone

from ..conflicts import tried_again
from ..models import Account, SignIn
from ..oidc.token_set import TokenSet
from ..signals import sign_in_ended
from .engine import delete_session, engine_of, keeping, reopen, repeat_in_conflict
from .entry import ENTRY_KEY, read_entry

logger = logging.getLogger("erpnet_instanceid")

# How often a sign-out reads the row again because a refresh has just stored newer tokens.
MOST_READS = 3


def end(sign_in: SignIn, reason: str, **only_where: Any) -> bool:
    """Ends a sign-in and drops its tokens. False where it had ended before."""
    values = {"ended": timezone.now(), "tokens": "", "leased_until": None}
    ended = sign_in.change(values, **only_where)
    if ended:
        logger.info("sign_in_ended reason=%s sign_in=%s", reason, sign_in.pk)
        sign_in_ended.send(SignIn, sign_in=sign_in, reason=reason)
    return ended


def end_all_of(account: Account, reason: str) -> None:
    """Ends every sign-in of a person, in every browser, with its Django session."""
    for sign_in in SignIn.objects.filter(account=account, ended=None):
        try:
            delete_session(sign_in.session_key)
        except Exception as error:  # noqa: BLE001 - each session engine fails in its own way
            # The end of the row signs the visitor out too, when the next renewal is due.
            logger.warning("session_not_deleted error=%s", type(error).__name__)
        end(sign_in, reason)


def end_with_session(request: HttpRequest, reason: str) -> TokenSet | None:
    """Ends the sign-in on the session of ``request``.

    Returns its last tokens, None where it has none or the database refuses.
    """
    try:
        entry = read_entry(request.session)
    except Exception as error:  # noqa: BLE001 - each session engine fails in its own way
        logger.warning("session_not_loaded error=%s", type(error).__name__)
        return None
    if entry is None:
        return None
    try:
        return _end_with_last_tokens(entry.sign_in, reason)
    except DatabaseFailure as error:
        # The visitor is signed out of this site all the same.
        cause = type(error).__name__
        logger.warning("sign_in_not_ended sign_in=%s error=%s", entry.sign_in, cause)
        return None


def _end_with_last_tokens(sign_in_id: str, reason: str) -> TokenSet | None:
    for read in range(1, MOST_READS + 1):
        sign_in = SignIn.objects.open(sign_in_id)
        if sign_in is None:
            return None
        tokens = sign_in.token_set()
        # If a refresh has stored newer tokens since, read again. Under REPEATABLE READ (MySQL's
        # default) we cannot see them; the last round ends the sign-in anyway.
        is_last = read == MOST_READS
        only_where = {} if is_last else {"generation": sign_in.generation}
        if end(sign_in, reason, **only_where):
            return tokens
    return None


@contextmanager
def session_replaced(request: HttpRequest) -> Iterator[None]:
    """For a sign-in, which gives the visitor another session: deletes the former one afterwards.

    If the block fails, the request has its former session and user again.
    """
    session, user, auser = request.session, request.user, getattr(request, "auser", None)
    key, entry = session.session_key, session.get(ENTRY_KEY)
    repeat_in_conflict(session)
    with keeping(session, key):
        try:
            yield
        except Exception:
            if request.user is not user:
                _sign_out_again(request, entry)
            if key is not None:
                request.session, request.user = reopen(session, key), user
                request.auser = auser  # type: ignore[assignment]
            raise
    if key not in (None, session.session_key):
        _delete(reopen(session, key))


def _sign_out_again(request: HttpRequest, former_entry: Any) -> None:
    if request.session.get(ENTRY_KEY) == former_entry:
        # Django's logout() would end the former sign-in, which is the same person's.
        request.session.clear()
    sign_out(request)


def _delete(session: SessionBase) -> None:
    try:
        tried_again(partial(session.delete, session.session_key))
    except Exception as error:  # noqa: BLE001 - each session engine fails in its own way
        logger.warning("session_not_deleted error=%s", type(error).__name__)


def sign_out(request: HttpRequest) -> None:
    """Signs the visitor out of this site, also where the session cannot be deleted."""
    repeat_in_conflict(request.session)
    try:
        auth.logout(request)
    except Exception as error:  # noqa: BLE001 - each session engine fails in its own way
        logger.warning("session_not_deleted error=%s", type(error).__name__)
        # An empty session makes Django delete the browser's cookie.
        request.session = engine_of(request.session)()
        request.user = AnonymousUser()

    async def auser() -> Any:
        return request.user

    # Before Django 6.1, logout() leaves the former user to async views.
    request.auser = auser
