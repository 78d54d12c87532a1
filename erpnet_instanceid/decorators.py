"""For views that want to know who is there right now."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from .conf import conf
from .pages import held_forms
from .pages.challenge import sign_in_required
from .pages.failures import form_not_kept_page
from .session import get_identity

View = TypeVar("View", bound=Callable[..., Any])


def reauthenticate(*, max_age: int) -> Callable[[View], View]:
    """Lets in who showed who they are at most ``max_age`` seconds ago.

    Others are sent to the instance's sign-in page and come back; a form that they were sending is
    kept, and can be sent then. OpenID Connect Core 3.1.2.1: ``prompt``, ``max_age``.
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
    identity = get_identity(request)
    if identity is not None and request.user.is_authenticated:
        age = time.time() - identity.authenticated_at
        if age <= max_age + conf.client.skew:
            return None
    target = request.get_full_path()
    wanted = {"prompt": "login", "max_age": str(max_age)}
    if held_forms.is_a_form(request):
        if not held_forms.hold(request, request.user):
            return form_not_kept_page(request, **wanted)
        target = reverse("erpnet_instanceid:signin_resume")
    return sign_in_required(request, target, **wanted)
