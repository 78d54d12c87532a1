"""Keeps the tokens of signed-in visitors fresh. Sync and async run the same few steps."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.contrib import auth
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import SimpleLazyObject

from .cookies import FRAME_PREFIX, FRAMES
from .errors import InstanceUnavailable, MaximumLicenseCountExceeded, SignInExpired
from .notes import NOTES
from .pages import kept_forms
from .pages.challenge import sign_in_required, told_to_sign_in
from .pages.failures import instance_failed_page
from .pages.frames import with_cookies
from .pages.targets import has_own_urls, is_own_path
from .signout.leaving import follow_session, leave
from .tokens import attention
from .tokens.engine import loaded, reopen, untouched
from .tokens.entry import (
    ENTRY_KEY,
    SessionEntry,
    catch_up,
    entry_in,
    is_on_session,
    read_entry,
)
from .tokens.logins import end_left, has_left, note_session, noted_session
from .tokens.refresh import Renewed
from .tokens.refresh_async import arenew
from .tokens.renewal import renew

__all__ = ["TokenRefreshMiddleware"]

logger = logging.getLogger("erpnet_instanceid")

# This many sessions take about 1 MB.
MAX_REMEMBERED = 10_000
# A session without an entry gets one at a sign-in only, and a sign-in changes the session's key.
NOTHING_DUE_SECONDS = 300.0
# A session without a key has no tokens.
NEVER = float("inf")

GetResponse = Callable[[HttpRequest], HttpResponseBase]
AsyncGetResponse = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class TokenRefreshMiddleware:
    """Renews the access token on the session before it expires.

    While the token is fresh, each process looks at the session once. Near the token's end one
    request renews it, and the others go on with the token that they have. Once it has expired,
    they wait for that request. If the instance has ended the sign-in, the visitor becomes
    anonymous; if the instance does not answer, the visitor stays signed in.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse | AsyncGetResponse) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
        # When the tokens of a session are due, as this process last saw them. Until then a page
        # that does not use the session need not load it.
        self.due_at: dict[str, float] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._acall(request)
        due_at = self._due_at(request)
        is_due = due_at <= time.time()
        if is_due:
            entry = self._due_entry(request)
            if entry is not None:
                _finish(request, entry, _renewal(entry))
        response: HttpResponseBase = self.get_response(request)  # type: ignore[assignment]
        if not is_due and _needs_nothing(request, due_at):
            return response
        response = told_to_sign_in(request, kept_forms.answer(request, response))
        if self._has_new_key(request):
            follow_session(request)
        if has_left(request):
            end_left(request)
        return with_cookies(request, response)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        due_at = self._due_at(request)
        is_due = due_at <= time.time()
        if is_due:
            entry = await sync_to_async(self._due_entry)(request)
            if entry is not None:
                outcome = await _arenewal(entry)
                await sync_to_async(_finish)(request, entry, outcome)
        response: HttpResponseBase = await self.get_response(request)  # type: ignore[misc]
        if not is_due and _needs_nothing(request, due_at):
            return response
        if kept_forms.needs_work(request, response):
            response = await sync_to_async(kept_forms.answer)(request, response)
        response = told_to_sign_in(request, response)
        if self._has_new_key(request):
            await sync_to_async(follow_session)(request)
        if has_left(request):
            await sync_to_async(end_left)(request)
        return with_cookies(request, response)

    def _due_at(self, request: HttpRequest) -> float:
        """When the session's tokens are due, 0 if unknown. Makes no query."""
        key = note_session(request)
        return NEVER if key is None else self.due_at.get(key, 0.0)

    def _due_entry(self, request: HttpRequest) -> SessionEntry | None:
        """The session's entry, if its token has to be renewed now."""
        # A view of this app needs no fresh token, and the start of a sign-in makes no query.
        if is_own_path(request.path_info):
            return None
        session = request.session
        try:
            with untouched(session):
                entry = read_entry(session)
                is_unreadable = entry is None and ENTRY_KEY in session
        except Exception as error:  # noqa: BLE001 - each engine fails in its own way
            logger.warning("session_not_loaded error=%s", type(error).__name__)
            return None
        if session.session_key is None:
            # The engine has no such session, or its cache is down. Django would delete the cookie
            # now. Only a page that uses the session may cause that.
            request.session = reopen(session, noted_session(request))
            return None
        if is_unreadable:
            leave(request)
        if entry is None or entry.is_due():
            return entry
        self._remember_entry(session.session_key, entry)
        return None

    def _has_new_key(self, request: HttpRequest) -> bool:
        """Notes when the tokens are due. Returns whether the row needs the session's new key."""
        content = loaded(request)
        key = None if content is None else request.session.session_key
        if content is None or key is None:
            return False
        if ENTRY_KEY not in content:
            self._remember(key, time.time() + NOTHING_DUE_SECONDS)
            return False
        entry = entry_in(content)
        return entry is not None and not self._remember_entry(key, entry)

    def _remember_entry(self, key: str, entry: SessionEntry) -> bool:
        """Notes when the tokens are due, unless the row needs the session's new key first."""
        if entry.session_key != key:
            # If the row cannot be written now, the next request tries again.
            return False
        self._remember(key, entry.renew_at)
        return True

    def _remember(self, key: str, due_at: float) -> None:
        if len(self.due_at) >= MAX_REMEMBERED:
            self.due_at.clear()
        self.due_at[key] = due_at

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        """Answers an error that the view did not catch: the sign-in or the instance is gone."""
        if isinstance(exception, InstanceUnavailable | MaximumLicenseCountExceeded):
            return instance_failed_page(request, exception)
        if not isinstance(exception, SignInExpired):
            return None
        entry = read_entry(request.session)
        own = None if entry is None else entry.sign_in
        if exception.facts.get("sign_in", own) != own:
            # The view was using another user's sign-in; what its end means is up to the view.
            return None
        if entry is not None and not _acts_as_another(request, entry):
            leave(request)
        return sign_in_required(request, request.get_full_path()) if has_own_urls() else None


def _needs_nothing(request: HttpRequest, due_at: float) -> bool:
    """Whether the response goes out as it is, as most do. Makes no query."""
    # Each page comes here, and has filled the processor's caches: each further call would take a
    # microsecond.
    place, cookies = request.META.get("HTTP_SEC_FETCH_DEST"), request.META.get("HTTP_COOKIE", "")
    may_be_in_frame = place in FRAMES or FRAME_PREFIX in cookies
    if request.method == "POST" or may_be_in_frame or hasattr(request, NOTES):
        return False
    content = loaded(request)
    if content is None:
        return True
    entry = content.get(ENTRY_KEY)
    is_known = entry is None or (isinstance(entry, dict) and entry.get("renew_at") == due_at)
    return is_known and not request.session.modified


def _acts_as_another(request: HttpRequest, entry: SessionEntry) -> bool:
    is_own = is_on_session(request.user, request.session)
    return entry.is_carried or (request.user.is_authenticated and not is_own)


Outcome = Renewed | SignInExpired | InstanceUnavailable | None


def _renewal(entry: SessionEntry) -> Outcome:
    try:
        return renew(entry.sign_in, entry.generation, wait=entry.has_expired())
    except (SignInExpired, InstanceUnavailable) as error:
        return error


async def _arenewal(entry: SessionEntry) -> Outcome:
    try:
        return await arenew(entry.sign_in, entry.generation, wait=entry.has_expired())
    except (SignInExpired, InstanceUnavailable) as error:
        return error


def _finish(request: HttpRequest, entry: SessionEntry, outcome: Outcome) -> None:
    """Puts the newer tokens on the session, or signs the visitor out."""
    if isinstance(outcome, SignInExpired):
        leave(request)
    elif isinstance(outcome, InstanceUnavailable):
        logger.warning("goes_on_without_new_token error=%s", outcome)
        if entry.has_expired():
            attention.note_failure(request, outcome)
    elif outcome is not None:
        if outcome.by_this_call:
            attention.note_renewal(request)
        catch_up(request.session, entry, outcome.generation, outcome.tokens)
        _look_again_who_it_is(request)


def _look_again_who_it_is(request: HttpRequest) -> None:
    """Loads the user again on first use: the renewal may have changed the user's rights, and
    another middleware may have loaded the user before."""
    former = request.user

    @functools.cache
    def user() -> Any:
        return auth.get_user(request) if is_on_session(former, request.session) else former

    async def auser() -> Any:
        return await sync_to_async(user)()

    lazy: Any = SimpleLazyObject(user)
    request.user = lazy
    request.auser = auser
