"""Makes a visitor anonymous whose sign-in is over, and follows a session to its new key."""

from __future__ import annotations

import logging

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import Error as DatabaseFailure
from django.http import HttpRequest

from ..models import SignIn
from ..pages import kept_forms
from ..pages.challenge import want_sign_in
from ..tokens.endings import sign_out
from ..tokens.engine import engine_of, save_only_changes
from ..tokens.entry import read_entry, write_entry

logger = logging.getLogger("erpnet_instanceid")


def leave(request: HttpRequest) -> None:
    """Makes the visitor anonymous: the instance has ended the sign-in of this session."""
    want_sign_in(request)
    if _is_there(request.session):
        with kept_forms.author_remembered(request):
            sign_out(request)
        _store_what_is_remembered(request)
        return
    sign_out(request)
    # The session is gone: the visitor signed out, or in again, in another request. Drop its cookie
    # from this request, so that our response does not delete the browser's newer one.
    request.COOKIES.pop(settings.SESSION_COOKIE_NAME, None)


def _is_there(session: SessionBase) -> bool:
    key = session.session_key
    try:
        return key is not None and session.exists(key)
    except Exception as error:  # noqa: BLE001 - each engine fails in its own way
        logger.warning("session_not_loaded error=%s", type(error).__name__)
        return False


def _store_what_is_remembered(request: HttpRequest) -> None:
    """Stores the new session now: if Django stored it after the view, a refusal would fail a page
    that does without the session."""
    session = request.session
    if session.is_empty():
        return
    save_only_changes(session)
    try:
        session.save()
    except Exception as error:  # noqa: BLE001 - each engine fails in its own way
        logger.warning("session_not_saved error=%s", type(error).__name__)
        request.session = engine_of(session)()


def follow_session(request: HttpRequest) -> None:
    """Writes the session's new key to the row, so that a sign-out notice finds the session."""
    entry = read_entry(request.session)
    key = request.session.session_key
    if entry is None or key in (entry.session_key, None):
        return
    try:
        is_open = SignIn.objects.filter(pk=entry.sign_in, ended=None).update(session_key=key)
    except DatabaseFailure as error:
        # The next request tries again.
        logger.warning("session_key_not_stored error=%s", type(error).__name__)
        return
    if is_open:
        write_entry(request.session, entry.with_key(key))
    else:
        # A notice ended the sign-in. It looked for the session under the former key.
        sign_out(request)
