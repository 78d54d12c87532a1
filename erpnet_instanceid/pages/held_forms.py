"""A form that was sent after the sign-in had ended: kept on the session until it can be sent.

It has passed the site's own CSRF check by then, is sealed, belongs to the user who sent it, and is
sent again only by a click of theirs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from ..conf import redirect_field_name
from ..sealing import seal, unseal
from ..tokens.held import LOADED
from .challenge import shows_page

SESSION_KEY = "erpnet_instanceid_form"
MAX_CHARACTERS = 64 * 1024
KEPT_SECONDS = 3600
CSRF_FIELD = "csrfmiddlewaretoken"
_HELD = "_instance_form_held"


@dataclass(frozen=True)
class HeldForm:
    """Where the form was sent to, and its fields. ``user`` is None where nobody was signed in."""

    action: str
    fields: list[tuple[str, str]] = field(repr=False)
    user: str | None


def is_worth_holding(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether a page's form was answered with the way to sign-in and back, which would lose it.

    Back to the form's own address, that is: a view that has done its work, and then wants a
    sign-in for some other page, is not to do it twice.
    """
    if response.status_code not in (302, 303):
        return False
    if hasattr(request, _HELD) or not is_a_form(request):
        return False
    location = urlsplit(response.headers.get("Location", ""))
    if location.path.rstrip("/") != reverse("erpnet_instanceid:signin"):
        return False
    back = parse_qs(location.query).get(redirect_field_name(), [""])[-1]
    return back in (request.get_full_path(), request.build_absolute_uri())


def is_a_form(request: HttpRequest) -> bool:
    """Whether a page posted this, and Django's CSRF check has let it through."""
    # Django's own mark of a request that passed. One that no check looked at has none: a view that
    # is exempt, a site without the middleware, a decorator that was not come to.
    passed = getattr(request, "csrf_processing_done", False)
    return request.method == "POST" and bool(passed) and shows_page(request)


def hold(request: HttpRequest, user: Any) -> bool:
    """Keeps the posted form. False where it has files, is too large, or comes without a session to
    keep it on."""
    posted = request.POST.lists()
    fields = [(name, value) for name, values in posted for value in values if name != CSRF_FIELD]
    owner = str(user.pk) if user.is_authenticated else None
    # Whether there is one behind the cookie is known when it has been looked at.
    request.session.get(SESSION_KEY)
    if owner is None and request.session.session_key is None:
        # Somebody without a session, who may be anybody, does not get one for this.
        return False
    data = json.dumps([request.get_full_path(), fields, owner])
    if request.FILES or len(data) > MAX_CHARACTERS:
        return False
    request.session[SESSION_KEY] = seal("form", data.encode())
    setattr(request, _HELD, True)
    return True


def kept_form(session: SessionBase, user: Any) -> HeldForm | None:
    """The form of this user, as long as it has not been sent. Another user's goes."""
    form = _read(session.get(SESSION_KEY))
    if form is not None and form.user in (None, str(user.pk)):
        return form
    session.pop(SESSION_KEY, None)
    return None


def forget_sent(request: HttpRequest) -> None:
    """Drops the kept form, if it is what this request has sent."""
    # Where one may wait, the middleware has the session loaded.
    sealed = request.session.__dict__.get(LOADED, {}).get(SESSION_KEY)
    if sealed is None or hasattr(request, _HELD):
        return
    form = _read(sealed)
    if form is None or form.action == request.get_full_path():
        del request.session[SESSION_KEY]


def _read(sealed: object) -> HeldForm | None:
    data = unseal("form", sealed, max_age=KEPT_SECONDS) if isinstance(sealed, str) else None
    if data is None:
        return None
    action, fields, owner = json.loads(data)
    return HeldForm(action, [(name, value) for name, value in fields], owner)
