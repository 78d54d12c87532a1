"""Starts a sign-in: sends the visitor to the instance, with the attempt in a cookie."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import get_language

from ..conf import conf, redirect_field_name
from ..oidc.authorization import authorization_url
from ..oidc.errors import InstanceIDError, SignInDenied
from ..oidc.fetched import PENDING, as_stranger
from ..pages.failures import sign_in_failed_page
from ..pages.render import private
from ..pages.targets import path_of, safe_target, signin_address
from . import attempts, loops
from .frames import popup_address_of
from .proxies import note_unknown_https

# On the address of a start that has been sent on to the host of CALLBACK_URL.
MOVED = "moved"
# How often this sign-in has started again by itself. A visitor who forges the number ends only
# their own sign-in.
RESTARTS = "restarts"
# OpenID Connect Core 4: the page that is wanted, where another site begins a sign-in.
TARGET_LINK_URI = "target_link_uri"

_SENT_BACK_CURE = "raise_exception=True for permission_required; a session cookie that comes back"


def start(
    request: HttpRequest,
    target: str,
    *,
    prompt: str | None = None,
    max_age: int | None = None,
    login_hint: str | None = None,
    restarts: int = 0,
    frame: str = "",
) -> HttpResponse:
    """A redirect to the instance, the attempt in a cookie beside those of other tabs.

    Core 3.1.2.1: ``prompt``, ``max_age``, ``login_hint``. ``target`` is the page to come back to.
    """
    # A prompt makes the instance wait for the visitor, which ends any loop.
    in_a_row = loops.in_a_row(request) if prompt in (None, "none") else 0
    if in_a_row >= loops.MAX_IN_A_ROW:
        return _loop_ended(request, target, in_a_row)
    note_unknown_https(request)
    client = conf.client
    try:
        with as_stranger():
            metadata = client.provider.metadata()
    except InstanceIDError as error:
        refresh = ""
        if error.code == PENDING and not frame:
            refresh = _same_start(target, prompt, max_age, restarts)
        start_at = popup_address_of(frame) if frame else ""
        return sign_in_failed_page(
            request, error, target=target, start_at=start_at, refresh=refresh, delay=1
        )
    attempt, cookie = attempts.new_attempt(
        request,
        target=target,
        max_age=max_age,
        restarts=restarts,
        in_a_row=in_a_row,
        frame=frame,
    )
    response = HttpResponseRedirect(
        authorization_url(
            metadata.authorization_endpoint,
            client_id=client.client_id,
            redirect_uri=attempt.redirect_uri,
            scope=conf.scope,
            response_type=conf.response_type,
            response_mode=conf.response_mode,
            secrets=attempt.secrets,
            prompt=prompt,
            max_age=max_age,
            login_hint=login_hint,
            ui_locales=get_language(),
        )
    )
    attempts.remember(request, response, attempt, cookie)
    return private(response)


def _same_start(target: str, prompt: str | None, max_age: int | None, restarts: int) -> str:
    asked = {"prompt": prompt, "max_age": max_age, RESTARTS: restarts or None}
    return signin_address(
        target, **{name: str(value) for name, value in asked.items() if value is not None}
    )


def asked(request: HttpRequest) -> dict[str, Any]:
    """The wishes of a link to sign-in, as `start` takes them. Core 3.1.2.1."""
    prompt, max_age = request.GET.get("prompt", ""), request.GET.get("max_age", "")
    restarts = request.GET.get(RESTARTS, "")
    return {
        "prompt": prompt if prompt in ("login", "none") else None,
        "max_age": int(max_age) if max_age.isdecimal() and len(max_age) < 9 else None,
        "restarts": int(restarts) if restarts in ("1", "2") else 0,
    }


def is_at_callback_host(request: HttpRequest) -> bool:
    """Whether a sign-in can start at the request's host."""
    callback = conf.callback_url
    if not callback:
        return True
    # A proxy may hide the host that the browser asked for: a start moves once at most.
    return urlsplit(callback).netloc in ("", request.get_host()) or MOVED in request.GET


def moved_to_callback_host(request: HttpRequest) -> HttpResponse | None:
    """A redirect to the same start on the host of CALLBACK_URL; None where the request is there.

    The answer of the instance comes to that host, and the attempt's cookie has to be there.
    """
    if is_at_callback_host(request):
        return None
    callback = urlsplit(conf.callback_url or "")
    query = request.GET.copy()
    for name in query.keys() & {redirect_field_name(), TARGET_LINK_URI}:
        # A page of this host has the same path on the other one.
        query[name] = path_of(safe_target(request, str(query[name])))
    query[MOVED] = "1"
    address = f"{callback.scheme}://{callback.netloc}{request.path}?{query.urlencode()}"
    return private(HttpResponseRedirect(address))


def _loop_ended(request: HttpRequest, target: str, in_a_row: int) -> HttpResponse:
    error = SignInDenied("sent_back", sign_ins=in_a_row, cure=_SENT_BACK_CURE)
    response = sign_in_failed_page(request, error, target=target)
    loops.forget(request, response)
    return response
