"""A form that a page lost to a sign-in: kept for its author, who may send it afterwards.

A form is kept for a signed-in person only, and only if it passes Django's CSRF check. It lies
sealed on the session, and a cookie binds it to the browser that sent it: nobody can plant a
session with a form on somebody else. The author sees what it holds before they send it.
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.contrib import auth
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import Error as DatabaseFailure
from django.http import (
    HttpRequest,
    HttpResponseBase,
    HttpResponseRedirect,
    UnreadablePostError,
)
from django.http.multipartparser import MultiPartParserError
from django.middleware.csrf import CSRF_SESSION_KEY, CsrfViewMiddleware
from django.urls import reverse

from .. import cookies, records
from ..conf import redirect_field_name
from .challenge import shows_page, sign_in_required
from .failures import form_not_kept_page
from .targets import has_own_urls, signin_address

FORM_KEY = "erpnet_instanceid_form"
EARLIER_KEY = "erpnet_instanceid_earlier_csrf"
COOKIE = "erpnet_form"
MAX_CHARACTERS = 64 * 1024
KEPT_SECONDS = 3600
# A page may stay open in a second tab for a working day.
EARLIER_SECONDS = 12 * 3600
CSRF_FIELD = "csrfmiddlewaretoken"

_AUTHOR = "_instance_form_author"


@dataclass(frozen=True)
class KeptForm:
    """Where the form was sent, its fields, the primary key of its author, and their browser."""

    VERSION: ClassVar[int] = 1

    action: str
    fields: list[list[str]] = field(repr=False)
    author: str
    browser: str = field(repr=False)


@dataclass(frozen=True)
class EarlierSecret:
    """The CSRF secret of the pages that ``author`` still has open from an earlier sign-in."""

    VERSION: ClassVar[int] = 1

    author: str
    secret: str = field(repr=False)


def needs_work(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether `answer` may have to read the session, which async code does in a thread."""
    return request.method == "POST" and (
        response.status_code in (302, 303, 403) or cookies.was_sent(request, COOKIE)
    )


def answer(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """``response``, or what takes its place when it would lose a form.

    Keeps the form and leads through sign-in to the page where its author can send it; drops a
    kept form that has just been sent.
    """
    if not needs_work(request, response):
        return response
    if _is_lost_to_sign_in(request, response):
        return keep(request, getattr(request, _AUTHOR, None) or request.user)
    if _is_from_an_earlier_page(request, response):
        form = _form_of(request, request.user)
        return response if form is None else _put_away(request, form, _to_resume())
    _drop_sent(request, response)
    return response


def is_a_form(request: HttpRequest) -> bool:
    """Whether a page posted this, and it passes Django's CSRF check."""
    return request.method == "POST" and shows_page(request) and _passes_csrf_check(request)


def keep(request: HttpRequest, author: Any, **params: str) -> HttpResponseBase:
    """Keeps the posted form, and answers with the way through sign-in; ``params`` are its own.

    A form with files, a long one, and the form of somebody who was not signed in are not kept: a
    page says so.
    """
    form = _form_of(request, author)
    if form is None:
        return form_not_kept_page(request, **params)
    return _put_away(request, form, sign_in_required(request, _resume_path(), **params))


def waiting(request: HttpRequest) -> KeptForm | None:
    """The form that the visitor may send now; None where there is none of theirs."""
    form = _read(request)
    if form is None or form.author != str(request.user.pk):
        return None
    return form


@contextmanager
def author_remembered(request: HttpRequest) -> Iterator[None]:
    """Wraps the sign-out of a visitor whose sign-in has ended, and remembers who the visitor was.

    This request may bring a form that they have typed, and so may another tab later.
    """
    author = _visitor(request)
    secret = _csrf_secret(request)
    setattr(request, _AUTHOR, author)
    yield
    if settings.CSRF_USE_SESSIONS and secret and request.method not in ("GET", "HEAD"):
        # Django checks the CSRF token of this form later, and needs the secret for that.
        request.session[CSRF_SESSION_KEY] = secret
    if author is not None:
        _note_earlier_secret(request, author, secret)


def _visitor(request: HttpRequest) -> Any:
    try:
        return request.user if request.user.is_authenticated else None
    except DatabaseFailure:
        # The page may do without the database.
        return None


def note_sign_in(request: HttpRequest, user: Any) -> None:
    """Called before ``user`` is signed in again: their other tabs hold the present CSRF token."""
    # Where the session has no user, Django need not work out `request.user`.
    if auth.SESSION_KEY in request.session and request.user.pk == user.pk:
        _note_earlier_secret(request, user, _csrf_secret(request))


def _is_lost_to_sign_in(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether a page answers a form by the way to sign-in and back to the form's own address.

    A view that has done its work, and then wants a sign-in for another page, is not to do it
    twice.
    """
    location = urlsplit(response.headers.get("Location", ""))
    target = parse_qs(location.query).get(redirect_field_name(), [""])[-1]
    if not target or target not in (request.get_full_path(), request.build_absolute_uri()):
        return False
    leads_to_sign_in = has_own_urls() and location.path.rstrip("/") == signin_address()
    return leads_to_sign_in and is_a_form(request)


def _is_from_an_earlier_page(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether a page that was open before the last sign-in posted this, and so met a 403."""
    if response.status_code != 403 or not request.user.is_authenticated or not has_own_urls():
        return False
    sealed = request.session.get(EARLIER_KEY)
    earlier = records.unseal(EarlierSecret, "earlier csrf", sealed, max_age=EARLIER_SECONDS)
    if earlier is None or earlier.author != str(request.user.pk) or not shows_page(request):
        return False
    return not _passes_csrf_check(request) and _passes_csrf_check(request, earlier.secret)


def _passes_csrf_check(request: HttpRequest, secret: str | None = None) -> bool:
    """Whether Django's CSRF check lets the request through, here with another ``secret``.

    Asked of Django again, since a view that is exempt, or a site without the middleware, has not
    had it asked; any other site may have posted such a form.
    """
    if not _can_be_read(request):
        return False
    asked: Any = copy.copy(request)
    # Django's mark of a request that it need not check again.
    asked.csrf_processing_done = False
    if secret is not None:
        asked.COOKIES = {**request.COOKIES, settings.CSRF_COOKIE_NAME: secret}
        asked.session = {CSRF_SESSION_KEY: secret}
    return CsrfViewMiddleware(_no_view).process_view(asked, _no_view, (), {}) is None


def _can_be_read(request: HttpRequest) -> bool:
    """Whether Django takes the form. Reads it, because a copy of the request would take it away."""
    try:
        return request.POST is not None
    except (SuspiciousOperation, BadRequest, MultiPartParserError, UnreadablePostError):
        return False


def _no_view(_request: HttpRequest) -> HttpResponseBase:
    raise NotImplementedError  # Django's check wants a view, and calls none.


def _csrf_secret(request: HttpRequest) -> str:
    if settings.CSRF_USE_SESSIONS:
        return str(request.session.get(CSRF_SESSION_KEY, ""))
    return request.COOKIES.get(settings.CSRF_COOKIE_NAME, "")


def _note_earlier_secret(request: HttpRequest, author: Any, secret: str) -> None:
    if secret:
        earlier = EarlierSecret(str(author.pk), secret)
        request.session[EARLIER_KEY] = records.seal("earlier csrf", earlier)


def _form_of(request: HttpRequest, author: Any) -> KeptForm | None:
    """The posted form, None where it cannot be kept."""
    if not author.is_authenticated or request.FILES:
        return None
    posted = request.POST.lists()
    fields = [[name, value] for name, values in posted for value in values if name != CSRF_FIELD]
    if sum(len(name) + len(value) for name, value in fields) > MAX_CHARACTERS:
        return None
    browser = secrets.token_urlsafe(16)
    return KeptForm(request.get_full_path(), fields, str(author.pk), browser)


def _put_away(request: HttpRequest, form: KeptForm, response: HttpResponseBase) -> HttpResponseBase:
    request.session[FORM_KEY] = records.seal("form", form)
    cookies.put(request, response, COOKIE, form.browser, KEPT_SECONDS)
    return response


def _drop_sent(request: HttpRequest, response: HttpResponseBase) -> None:
    if response.status_code >= 500:
        # The page may have done nothing, or its transaction was rolled back.
        return
    if cookies.is_set_on(response, request, COOKIE) or not cookies.was_sent(request, COOKIE):
        return
    form = _read(request)
    if form is None or form.action == request.get_full_path():
        request.session.pop(FORM_KEY, None)
        cookies.forget(request, response, COOKIE)


def _read(request: HttpRequest) -> KeptForm | None:
    sealed = request.session.get(FORM_KEY)
    form = records.unseal(KeptForm, "form", sealed, max_age=KEPT_SECONDS)
    return form if form is not None and form.browser == cookies.only(request, COOKIE) else None


def _to_resume() -> HttpResponseBase:
    response = HttpResponseRedirect(_resume_path())
    response.status_code = 303
    response["Cache-Control"] = "no-store"
    return response


def _resume_path() -> str:
    return reverse("erpnet_instanceid:signin_resume")
