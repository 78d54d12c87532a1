"""Renders the pages of the app."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import get_script_prefix

from ..conf import conf


def page(
    request: HttpRequest, template: str, context: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """One of the app's pages: never stored, never framed, and telling nobody where from."""
    shared = {"home": get_script_prefix(), "instance": conf.instance_host}
    context = {**shared, **(context or {})}
    response = render(request, f"erpnet_instanceid/{template}", context, status=status)
    return private(response)


def form_page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """As `page`, for one whose form posts to this site."""
    response = page(request, template, context)
    # Of a page that tells nobody, browsers send "Origin: null", which Django's CSRF check refuses.
    response["Referrer-Policy"] = "same-origin"
    return response


def private(response: HttpResponse) -> HttpResponse:
    """The response, kept out of caches, frames and Referer headers. RFC 9700 4.2.4."""
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    response.setdefault("X-Frame-Options", "DENY")
    return response
