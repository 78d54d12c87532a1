"""The pages of middleware.py."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def user_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


def neither_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("neither")


async def async_user_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse((await request.auser()).get_username())


async def async_neither_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("neither")


urlpatterns = [
    path("user", user_page),
    path("neither", neither_page),
    path("async/user", async_user_page),
    path("async/neither", async_neither_page),
    path("oidc/", include("mozilla_django_oidc.urls")),
    path("", include("erpnet_instanceid.urls")),
]
