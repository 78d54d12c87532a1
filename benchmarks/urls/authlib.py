from __future__ import annotations

from authlib.integrations.django_client import OAuth
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import include, path

oauth = OAuth()
oauth.register("instance")


def start(request: HttpRequest) -> HttpResponse:
    return oauth.instance.authorize_redirect(request, request.build_absolute_uri("/callback"))


def callback(request: HttpRequest) -> HttpResponse:
    token = oauth.instance.authorize_access_token(request)
    user, _ = User.objects.get_or_create(username=token["userinfo"]["sub"])
    login(request, user)
    request.session["token"] = token["access_token"]
    return HttpResponseRedirect("/done")


urlpatterns = [
    path("", include("benchmarks.urls.done")),
    path("login", start),
    path("callback", callback),
]
