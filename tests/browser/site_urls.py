"""The example site's pages, and a form that only a signed-in visitor may send."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import include, path
from django.utils.html import format_html


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


urlpatterns = [path("note/", note), path("", include("shop.urls"))]
