from __future__ import annotations

from urllib.parse import urlencode

from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import include, path
from django.utils.crypto import get_random_string


def start(request: HttpRequest) -> HttpResponse:
    state = get_random_string(32)
    request.session["state"] = state
    return HttpResponseRedirect("/callback?" + urlencode({"state": state}))


def callback(request: HttpRequest) -> HttpResponse:
    if request.session.pop("state", None) != request.GET["state"]:
        return HttpResponse(status=400)
    user, _ = User.objects.get_or_create(username="maria")
    login(request, user)
    return HttpResponseRedirect("/done")


urlpatterns = [
    path("", include("benchmarks.urls.done")),
    path("login", start),
    path("callback", callback),
]
