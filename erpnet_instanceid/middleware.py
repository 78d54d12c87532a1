"""Keeps the tokens of signed-in visitors fresh. Sync and async over the same few steps."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponseBase

from .errors import MaximumLicenseCountExceeded
from .models import SignIn
from .oidc.errors import InstanceUnavailable, SignInExpired
from .pages import kept_forms
from .pages.challenge import sign_in_required
from .pages.failures import instance_failed_page
from .pages.targets import is_own_path
from .tokens import held as session
from .tokens.held import LOADED, SESSION_KEY, Held
from .tokens.refresh import Renewed, renew
from .tokens.refresh_async import arenew

__all__ = ["TokenRefreshMiddleware"]

logger = logging.getLogger("erpnet_instanceid")

# So many sessions take about 1 MB.
MAX_REMEMBERED = 10_000

GetResponse = Callable[[HttpRequest], Any]


class TokenRefreshMiddleware:
    """Renews the access token on the session before it expires.

    While it is fresh this costs a look at the session, and that once in each process. Near its end
    one request renews it and the others go on with what they have; when it has ended they wait for
    the one. A visitor whose sign-in the instance has ended becomes anonymous; one whose instance
    does not answer does not.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
        # When the tokens of a session are due, as this process last saw them there. Until then a
        # page that does without the session need not have it loaded for their sake; one that uses
        # it tells anew.
        self.due_at: dict[str, float] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._acall(request)
        # Every request of a site comes this way, and what is called here is cold in the processor's
        # caches by then: in one piece it takes less than in small functions.
        key = request.session.session_key
        if key is not None and self.due_at.get(key, 0) <= time.time():
            # What fails in there is reported with the variables out here.
            del key
            key = self._look(request)
        response: HttpResponseBase = self.get_response(request)
        response = kept_forms.answer(request, response)
        if key is not None:
            store = request.session
            loaded = store.__dict__.get(LOADED)
            if store.session_key != key:
                follow_session(request)
            elif loaded is not None:
                held = loaded.get(SESSION_KEY)
                if held.__class__ is not dict or held["renew_at"] != self.due_at.get(key):
                    self._note(loaded, key)
        return response

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        key = request.session.session_key
        if key is not None and self.due_at.get(key, 0) <= time.time():
            del key
            key = await self._alook(request)
        response: HttpResponseBase = await self.get_response(request)
        if kept_forms.needs_work(request, response):
            response = await sync_to_async(kept_forms.answer)(request, response)
        if key is not None:
            store = request.session
            loaded = store.__dict__.get(LOADED)
            if store.session_key != key:
                await sync_to_async(follow_session)(request)
            elif loaded is not None:
                self._note(loaded, key)
        return response

    def _look(self, request: HttpRequest) -> str | None:
        """Sees to the tokens on the session; the key by which their sign-in knows the session."""
        store = request.session
        # The start of a sign-in needs nothing of the session: no query.
        if starts_sign_in(request.path_info):
            return None
        accessed = store.accessed
        try:
            held = session.held(store)
        finally:
            # A page that does not look at the session is not to vary by cookie for this.
            store.accessed = accessed
        if held is not None and held["renew_at"] <= time.time():
            held = self._attend(request, held)
        return None if held is None else held["session_key"]

    async def _alook(self, request: HttpRequest) -> str | None:
        store = request.session
        if starts_sign_in(request.path_info):
            return None
        accessed = store.accessed
        try:
            held = await session.aheld(store)
        finally:
            store.accessed = accessed
        if held is not None and held["renew_at"] <= time.time():
            held = await self._aattend(request, held)
        return None if held is None else held["session_key"]

    def _note(self, loaded: Mapping[str, Any], key: str) -> None:
        held = loaded.get(SESSION_KEY)
        if not isinstance(held, dict):
            self.due_at.pop(key, None)
            return
        if len(self.due_at) >= MAX_REMEMBERED and key not in self.due_at:
            self.due_at.clear()
        self.due_at[key] = held["renew_at"]

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        """What a view did not catch: the end of the sign-in, or an instance that is not there."""
        if isinstance(exception, InstanceUnavailable | MaximumLicenseCountExceeded):
            return instance_failed_page(request, exception)
        if not isinstance(exception, SignInExpired):
            return None
        held = session.held(request.session)
        here = None if held is None else held["sign_in"]
        if exception.facts.get("sign_in", here) != here:
            # The view called as somebody else, and it is the view's what their end means.
            return None
        # A visitor who signed in by other means keeps their session.
        if held is not None:
            _leave(request)
        return sign_in_required(request, request.get_full_path())

    def _attend(self, request: HttpRequest, held: Held) -> Held | None:
        if is_own_path(request.path_info):
            return held
        try:
            renewed = renew(held["sign_in"], held["generation"], wait=has_expired(held))
        except SignInExpired:
            _leave(request)
            return None
        except InstanceUnavailable as error:
            logger.warning("goes_on_without_new_token error=%s", error)
            return held
        return _take(request, held, renewed)

    async def _aattend(self, request: HttpRequest, held: Held) -> Held | None:
        if is_own_path(request.path_info):
            return held
        try:
            renewed = await arenew(held["sign_in"], held["generation"], wait=has_expired(held))
        except SignInExpired:
            await sync_to_async(_leave)(request)
            return None
        except InstanceUnavailable as error:
            logger.warning("goes_on_without_new_token error=%s", error)
            return held
        return await sync_to_async(_take)(request, held, renewed)


def starts_sign_in(path: str) -> bool:
    # As in urls.py, which is above this module.
    return path.endswith(("/signin", "/signin/")) and is_own_path(path)


def has_expired(held: Held) -> bool:
    return session.seconds_left(held) <= 0


def _take(request: HttpRequest, held: Held, renewed: Renewed | None) -> Held:
    """Puts what a renewal brought on the session; what it holds from then on."""
    if renewed is None:
        return held
    if renewed.by_this_call:
        session.note_renewal(request)
    return session.catch_up(request.session, held, renewed.generation, renewed.tokens)


def _leave(request: HttpRequest) -> None:
    """Makes the visitor anonymous: the sign-in that they are here by is over."""
    key = request.session.session_key
    if key is not None and request.session.exists(key):
        with kept_forms.author_remembered(request):
            _sign_out(request)
        return
    _sign_out(request)
    # They have left meanwhile, or signed in again: what cookie their browser has now is not
    # this session's, and an answer that comes late does not take it away.
    request.COOKIES.pop(settings.SESSION_COOKIE_NAME, None)


def _sign_out(request: HttpRequest) -> None:
    auth.logout(request)

    async def auser() -> Any:
        return request.user

    # Before Django 6.1 that leaves who was signed in to the async views that ask after it.
    request.auser = auser


def follow_session(request: HttpRequest) -> None:
    """Notes the new key of a session, so that a sign-out notice finds it there."""
    held = session.held(request.session)
    key = request.session.session_key
    if held is None or key in (held["session_key"], None):
        return
    if SignIn.objects.filter(pk=held["sign_in"], ended=None).update(session_key=key):
        request.session[SESSION_KEY] = {**held, "session_key": key}
    else:
        # A notice ended it, and looked for the session under its former key.
        _sign_out(request)
