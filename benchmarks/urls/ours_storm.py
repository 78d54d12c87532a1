"""A page for signed-in visitors, whose token the middleware renews."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from erpnet_instanceid.session import get_tokens


@login_required(login_url="/signin")
def page(request: HttpRequest) -> HttpResponse:
    tokens = get_tokens(request)
    return HttpResponse("" if tokens is None else tokens.access_token)


urlpatterns = [path("page", page), path("", include("benchmarks.urls.ours"))]
