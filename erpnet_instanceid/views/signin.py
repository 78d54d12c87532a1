"""The start of a sign-in: at this site, or begun elsewhere."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from ..conf import conf
from ..mozilla import SignInRequestView
from ..oidc.errors import AttemptError
from ..pages.challenge import is_speculative, shows_page, sign_in_required
from ..pages.failures import sign_in_failed_page
from ..pages.frames import is_framed
from ..pages.render import private
from ..pages.targets import requested_target, safe_target
from ..signin.start import asked_restarts, moved_to_callback_host, start
from .framed import framed_page


class SignInView(SignInRequestView):
    """Sends the visitor to the instance. No query, and no call once the metadata is known.

    ``get_extra_params`` may be overridden as in mozilla-django-oidc; of what it returns,
    ``prompt``, ``max_age`` and ``login_hint`` are sent.
    """

    http_method_names = ["get", "head"]

    def get_extra_params(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        refusal = _not_started(request)
        if refusal is not None:
            return refusal
        extra = _converted(self.get_extra_params(request))
        return start(request, requested_target(request), **{**_asked(request), **extra})


def _not_started(request: HttpRequest) -> HttpResponseBase | None:
    """The answer to a request that starts no sign-in here; None for one that does."""
    if is_speculative(request):
        # A browser drops what it fetched ahead if the status is not 2xx, and asks again.
        return private(HttpResponse(status=425))
    if not shows_page(request):
        return sign_in_required(request)
    if is_framed(request):
        return framed_page(request, requested_target(request))
    return moved_to_callback_host(request)


def _asked(request: HttpRequest) -> dict[str, Any]:
    """The parameters that a link to sign-in may set. Core 3.1.2.1."""
    prompt, max_age = request.GET.get("prompt", ""), request.GET.get("max_age", "")
    return {
        "prompt": prompt if prompt in ("login", "none") else None,
        "max_age": int(max_age) if max_age.isdecimal() and len(max_age) < 9 else None,
        "restarts": asked_restarts(request),
    }


def _converted(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters that a site adds, as `start` takes them.

    Raises ImproperlyConfigured now: the callback, where ``max_age`` counts, would be too late.
    """
    converted: dict[str, Any] = {}
    for name in ("prompt", "login_hint"):
        if name in params:
            converted[name] = params[name]
            if not isinstance(params[name], str | None):
                raise ImproperlyConfigured(
                    f"get_extra_params() must give {name} as text, not {params[name]!r}."
                )
    if "max_age" in params:
        converted["max_age"] = _seconds(params["max_age"])
    return converted


def _seconds(value: object) -> int | None:
    if value is None:
        return None
    # As text in mozilla-django-oidc, whose parameters go into the address as they are.
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdecimal()):
        raise ImproperlyConfigured(
            f"get_extra_params() must give max_age in whole seconds, not {value!r}."
        )
    return int(text)


class InitiateSignInView(SignInView):
    """A sign-in that another site begins. OpenID Connect Core 4.

    By GET only: a POST of another site would need one more exemption from Django's CSRF check.
    """

    http_method_names = ["get"]

    def get(self, request: HttpRequest) -> HttpResponseBase:
        refusal = _not_started(request)
        if refusal is not None:
            return refusal
        given = request.GET
        if given.getlist("iss") != [conf.issuer]:
            return sign_in_failed_page(
                request, AttemptError("issuer_refused", expected=conf.issuer)
            )
        target = safe_target(request, given.get("target_link_uri", ""))
        hint = given.get("login_hint", "")
        return start(request, target, login_hint=hint if hint.isprintable() else None)
