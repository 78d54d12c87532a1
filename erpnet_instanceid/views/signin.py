"""The start of a sign-in: at this site, or begun elsewhere."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponseBase

from ..conf import conf
from ..mozilla import SignInRequestView
from ..oidc.errors import AttemptError
from ..pages.failures import sign_in_failed_page
from ..pages.targets import requested_target, safe_target
from ..signin.start import TARGET_LINK_URI, asked, start
from .framed import answer_without_start


class SignInView(SignInRequestView):
    """Sends the visitor to the instance. No query, and no call once the metadata is known.

    ``get_extra_params`` may be overridden as in mozilla-django-oidc; of what it returns,
    ``prompt``, ``max_age`` and ``login_hint`` are sent.
    """

    http_method_names = ["get", "head"]

    def get_extra_params(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        target = requested_target(request)
        instead = answer_without_start(request, target)
        if instead is not None:
            return instead
        extra = _converted(self.get_extra_params(request))
        return start(request, target, **{**asked(request), **extra})


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
        given = request.GET
        target = safe_target(request, given.get(TARGET_LINK_URI, ""))
        instead = answer_without_start(request, target)
        if instead is not None:
            return instead
        if given.getlist("iss") != [conf.issuer]:
            return sign_in_failed_page(
                request, AttemptError("issuer_refused", expected=conf.issuer)
            )
        hint = given.get("login_hint", "")
        return start(request, target, login_hint=hint if hint.isprintable() else None)
