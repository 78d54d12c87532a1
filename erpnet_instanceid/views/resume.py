"""After a sign-in: the page where the visitor sends the form that was kept for them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.views.generic import View

from ..pages import kept_forms
from ..pages.challenge import sign_in_required
from ..pages.render import form_page, page


class ResumeView(View):
    """Shows what the kept form holds, with a button that sends it, until it has been sent."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return sign_in_required(request, request.path)
        form = kept_forms.waiting(request)
        if form is None:
            return page(request, "resume.html", {"form": None}, status=410)
        return form_page(request, "resume.html", {"form": form, "address": form.action})
