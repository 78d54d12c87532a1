"""The example site's pages, a form for signed-in visitors, and a page for hardly anybody."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import include, path
from django.utils.html import format_html
from django.views.defaults import page_not_found


@login_required
def note(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return HttpResponse(format_html("<h1>Noted: {}</h1>", request.POST["text"]))
    return HttpResponse(
        format_html(
            '<form method="post"><input type="hidden" name="csrfmiddlewaretoken" value="{}">'
            '<input name="text" aria-label="Text"><button>Note</button></form>',
            get_token(request),
        )
    )


@permission_required("erpnet_instanceid.view_signin")
def secret(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<h1>Secret</h1>")


urlpatterns = [
    path("note/", note),
    path("secret/", secret),
    # With DEBUG, Django has a page of its own.
    path("not-found/", page_not_found, {"exception": Http404()}),
    path("", include("shop.urls")),
]
