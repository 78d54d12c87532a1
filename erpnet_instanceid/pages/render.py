"""Renders the pages of the app."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import get_script_prefix

from ..conf import conf
from .frames import allow_framing, is_framed


def page(
    request: HttpRequest, template: str, context: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """One of the app's pages: no-store, without a Referer, in frames of FRAMED_BY alone."""
    shared = {
        "home": get_script_prefix(),
        "instance": conf.instance_host,
        "site_name": conf.site_name or request.get_host(),
        "csp_nonce": _csp_nonce(request),
    }
    context = {**shared, **(context or {})}
    response = render(request, f"erpnet_instanceid/{template}", context, status=status)
    private(response)
    if conf.framed_by and is_framed(request):
        return allow_framing(request, response)
    return response


def _csp_nonce(request: HttpRequest) -> Any:
    """The nonce for scripts, where the site has django-csp or Django's own middleware (6.0)."""
    # Django 5.2 lacks the function that reads the attribute. To ask for its truth makes no nonce.
    nonce = getattr(request, "csp_nonce", None)
    return getattr(request, "_csp_nonce", "") if nonce is None else nonce


def form_page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """As `page`, for a page with a form that posts to this site."""
    response = page(request, template, context)
    # With "no-referrer" browsers send "Origin: null", which Django's CSRF check refuses.
    response["Referrer-Policy"] = "same-origin"
    return response


def private(response: HttpResponse) -> HttpResponse:
    """The response, kept out of caches, frames and Referer headers. RFC 9700 4.2.4."""
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    response.setdefault("X-Frame-Options", "DENY")
    return response
