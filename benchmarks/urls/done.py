"""Where every sign-in ends."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path


def done(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


urlpatterns = [path("done", done)]
