"""A page for signed-in visitors, whose token the middleware renews."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


@login_required(login_url="/authenticate/")
def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.session["oidc_access_token"])


urlpatterns = [path("page", page), path("", include("benchmarks.urls.lasuite"))]
