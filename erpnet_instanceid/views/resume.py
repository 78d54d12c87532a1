"""After a sign-in that a posted form had to wait for: send it now?"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.views.generic import View

from ..pages.challenge import sign_in_required
from ..pages.held_forms import kept_form
from ..pages.render import form_page, page


class ResumeView(View):
    """Shows the form that was kept, to be sent by a click, until it has been sent."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return sign_in_required(request, request.path)
        form = kept_form(request.session, request.user)
        if form is None:
            return page(request, "resume.html", {"form": None}, status=410)
        return form_page(request, "resume.html", {"form": form})
