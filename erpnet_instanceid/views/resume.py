"""After a sign-in that a posted form had to wait for: send it now?"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.views.generic import View

from ..challenge import sign_in_required
from ..held_forms import take
from ..pages import form_page
from ..targets import default_target


class ResumeView(View):
    """Shows the form that was kept, to be sent by a click. It is shown once."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return sign_in_required(request, request.path)
        form = take(request.session, request.user)
        if form is None:
            return HttpResponseRedirect(default_target())
        return form_page(request, "resume.html", {"form": form})
