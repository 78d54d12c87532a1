"""Follows Django's own login() and logout() with the row of the sign-in.

A site that signs a visitor in as another user (impersonation, a local password) calls login(), and
login() flushes the session. The row would keep live tokens that no session leads to, and a notice
about the person at the instance would not find the session in which they go on. So the row is
carried over to the new session, marked as not this user's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import auth
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.contrib.sessions.backends.base import SessionBase
from django.db import Error as DatabaseFailure
from django.dispatch import receiver
from django.http import HttpRequest

from ..conf import conf
from ..models import SignIn
from ..notes import note, noted
from ..oidc.id_token import authentication_time, read_stored_id_token
from .endings import end, end_with_session, sign_out
from .entry import new_entry, read_entry, write_entry

logger = logging.getLogger("erpnet_instanceid")

_KEY = "instance_session_key"
_LEFT = "sign-in left"


def note_session(request: HttpRequest) -> str | None:
    """Remembers the key of the session that the request came with: login() forgets it.

    None where the session has no key yet, or the request has no session.
    """
    try:
        key: str | None = request.session.session_key
    except AttributeError:
        # A site may leave sessions out for some of its pages.
        key = None
    setattr(request, _KEY, key)
    return key


def noted_session(request: HttpRequest) -> str | None:
    """The key that `note_session` has noted, None where it was not called."""
    key: str | None = getattr(request, _KEY, None)
    return key


@contextmanager
def own_login(request: HttpRequest) -> Iterator[None]:
    """For the login() of a sign-in at the instance, which ends the former row itself."""
    setattr(request, _KEY, None)
    yield
    # A receiver of `signed_in` may go on with another login().
    note_session(request)


def put_user(session: SessionBase, user: Any) -> None:
    """Puts on the session what Django's login() puts there."""
    # A user model need not have it before Django 6.1.
    auth_hash = getattr(user, "get_session_auth_hash", str)()
    session[auth.SESSION_KEY] = user._meta.pk.value_to_string(user)
    session[auth.BACKEND_SESSION_KEY] = user.backend
    session[auth.HASH_SESSION_KEY] = auth_hash


def has_left(request: HttpRequest) -> bool:
    """Whether `end_left` has something to look at."""
    return noted(request, _LEFT) is not None


def end_left(request: HttpRequest) -> None:
    """Ends the sign-in that logout() left for a login() in the same request, if none followed."""
    left = noted(request, _LEFT)
    entry = read_entry(request.session)
    if entry is not None and entry.sign_in == left:
        return
    try:
        sign_in = SignIn.objects.open(left)
        if sign_in is not None:
            end(sign_in, "logged_out")
    except DatabaseFailure as error:
        cause = type(error).__name__
        logger.warning("sign_in_not_ended sign_in=%s error=%s", left, cause)


@receiver(user_logged_in, dispatch_uid="erpnet_instanceid.logins")
def _after_login(*, request: HttpRequest, user: Any, **_kwargs: Any) -> None:
    key = noted_session(request)
    if key is None or read_entry(request.session) is not None:
        return
    try:
        _carry_over(request, user, key)
    except DatabaseFailure as error:
        logger.warning("sign_in_not_carried error=%s", type(error).__name__)


def _carry_over(request: HttpRequest, user: Any, key: str) -> None:
    sign_in = SignIn.objects.on_session(key)
    if sign_in is None or sign_in.account is None:
        return
    tokens = sign_in.token_set()
    if tokens is None:
        end(sign_in, "tokens_unreadable")
        return
    if request.session.session_key is None:
        # After a flush. The row needs a key by which a notice finds the session.
        request.session.cycle_key()
    if not sign_in.change({"session_key": request.session.session_key}):
        # A sign-out notice has ended the row meanwhile.
        sign_out(request)
        return
    claims = read_stored_id_token(tokens.id_token, client=conf.client) or {}
    entry = new_entry(
        request.session,
        sign_in.pk,
        sign_in.generation,
        tokens,
        authenticated_at=authentication_time(claims),
        is_carried=sign_in.account.user_id != user.pk,
    )
    write_entry(request.session, entry)
    # The same view may go on with another login().
    note_session(request)


@receiver(user_logged_out, dispatch_uid="erpnet_instanceid.endings")
def _after_logout(*, request: HttpRequest | None, **_kwargs: Any) -> None:
    # Django's own sign-out, such as the admin's, sends this before it flushes the session.
    if request is None or not hasattr(request, "session"):
        return
    entry = read_entry(request.session)
    if entry is not None and entry.is_carried and hasattr(request, _KEY):
        # An impersonation may end by logout(), then login() as the person who began it.
        note(request, _LEFT, entry.sign_in)
        return
    end_with_session(request, "logged_out")
