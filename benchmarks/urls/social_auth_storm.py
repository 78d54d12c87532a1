"""A page that asks for the access token as social-auth's manual says, which renews it."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from social_django.utils import load_strategy


@login_required(login_url="/login/oidc/")
def page(request: HttpRequest) -> HttpResponse:
    token = request.user.social_auth.get().get_access_token(load_strategy(request))
    return HttpResponse(token)


urlpatterns = [path("page", page), path("", include("benchmarks.urls.social_auth"))]
