"""For views that only a visitor may use who has just shown who they are."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponseBase

from .conf import conf
from .pages import kept_forms
from .pages.challenge import sign_in_required
from .tokens.entry import own_entry

__all__ = ["reauthenticate"]

View = TypeVar("View", bound=Callable[..., Any])


def reauthenticate(*, max_age: int) -> Callable[[View], View]:
    """Lets a visitor in who entered their password at most ``max_age`` seconds ago.

    Others go through the instance's sign-in page and come back. A form that they were sending is
    kept, and they can send it then. OpenID Connect Core 3.1.2.1: ``prompt``, ``max_age``.
    """

    def decorate(view: View) -> View:
        if iscoroutinefunction(view):

            @wraps(view)
            async def awrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                detour = await sync_to_async(_detour)(request, max_age)
                return detour or await view(request, *args, **kwargs)

            return awrapper  # type: ignore[return-value]

        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            return _detour(request, max_age) or view(request, *args, **kwargs)

        return wrapper  # type: ignore[return-value]

    return decorate


def _detour(request: HttpRequest, max_age: int) -> HttpResponseBase | None:
    entry = own_entry(request.session, request.user)
    if entry is not None:
        age = time.time() - entry.authenticated_at
        if age <= max_age + conf.client.skew:
            return None
    asked = {"prompt": "login", "max_age": str(max_age)}
    if kept_forms.is_a_form(request):
        return kept_forms.keep(request, request.user, **asked)
    return sign_in_required(request, request.get_full_path(), **asked)
