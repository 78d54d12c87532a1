"""Watches a test for secrets that come out where none may be.

A secret is learnt where it passes: at the stand-in's door, and with the cookies that the site is
sent and sets. The places where none may be are noted as they come into being, and both are
compared when the test is over. `tests/conftest.py` lays a watch over every test that signs in.
"""

import json
import logging
import re
import traceback
from contextlib import contextmanager
from urllib.parse import quote, quote_plus, urlsplit

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.handlers.base import BaseHandler
from django.db import connection

from erpnet_instanceid.testing.wire import gate
from erpnet_instanceid.testing.world.recording import Recording, endpoint_of

# Shorter ones are a test's own stopgaps ("x"), and would be found in any text.
SHORTEST = 12
# The start of a secret is secret too: a text may have been cut.
PREFIX = 24
MAX_NOTED = 256 * 1024

# Fields of requests to the instance, by the names of the specifications.
OF_A_SITE = {"code", "code_verifier", "client_secret", "refresh_token", "id_token_hint", "token"}
# Of no use to anybody after the sign-in, and not for logs and pages all the same.
OF_AN_ATTEMPT = {"state", "nonce"}
SECRET_FIELDS = OF_A_SITE | OF_AN_ATTEMPT
COOKIES = re.compile(r"(__Host-)?erpnet_(signin_|answer)")
TOKEN_MEMBERS = re.compile(r'"(access_token|id_token|refresh_token)"\s*:\s*"([^"]+)"')

# The stand-in's own libraries, which no site runs.
STAND_IN_LOGGERS = ("authlib", "flask", "joserfc", "werkzeug")
# Where the browser itself goes: with urllib3 here, but no site sees those lines.
BROWSERS_PATHS = ("/id/connect/authorize", "/id/account/", "/id/connect/endsession")
# Parameters that belong in the address of such a redirect.
MEANT_FOR_INSTANCE = {
    "/id/connect/authorize": {"state", "nonce"},
    "/id/connect/endsession": {"id_token_hint", "state"},
}
# The same as a form, where it does not fit into an address.
FORM_FOR_INSTANCE = re.compile(r'name="(id_token_hint|state)" value="[^"]*"')


class Watch:
    """The secrets of one test, and the texts that may hold none of them."""

    def __init__(self, site=""):
        self.site_port = urlsplit(site).port if site else None
        self._secrets = {}
        self._noted = []

    # Secrets

    def learn(self, name, value, *, is_cookie=False):
        if not isinstance(value, str):
            return
        parts = [value]
        if value.count(".") == 2:
            # Of a token the header is no secret; its payload and its signature are.
            parts = value.split(".")[1:]
        for part in parts:
            if len(part) >= SHORTEST:
                self._secrets.setdefault(part[:PREFIX], (name, is_cookie))

    def learn_from_request_to_instance(self, request):
        for name, value in [*request.form, *request.query]:
            if name in SECRET_FIELDS:
                self.learn(name, value)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            self.learn("access_token", token)

    def learn_from_answer(self, body):
        for name, value in TOKEN_MEMBERS.findall(body.decode(errors="replace")):
            self.learn(name, value)

    def learn_from_request_to_site(self, request):
        # Only parsed fields: the watch must not read a body that the view refused to read.
        for query in (request.GET, getattr(request, "_post", None) or {}):
            for name in ("state", "code", "id_token", "access_token", "logout_token"):
                for value in query.getlist(name) if hasattr(query, "getlist") else ():
                    self.learn(name, value)
        for name, value in request.COOKIES.items():
            self._learn_cookie(name, value)

    def _learn_cookie(self, name, value):
        if name == settings.SESSION_COOKIE_NAME or COOKIES.match(name):
            self.learn(f"cookie {name}", value, is_cookie=True)

    @property
    def known(self):
        """The kinds of the secrets that have passed so far."""
        return {name for name, _ in self._secrets.values()}

    # Places

    def note(self, place, text, *, cookies_allowed=False):
        self._noted.append((place, text[:MAX_NOTED], cookies_allowed))

    def note_log_record(self, record):
        if record.name.startswith(STAND_IN_LOGGERS) or self._is_browsers(record):
            return
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - pytest and logging report it, here it is one more text
            message = str(record.msg)
        texts = [message, repr(record.args)]
        if record.exc_info and record.exc_info[1] is not None:
            if record.levelno >= logging.ERROR:
                self.note_error_report(record.exc_info[1])
            else:
                texts += traceback.format_exception(record.exc_info[1])
        # Django's own lines of SQL, and of its error report, hold the session's key, in DEBUG only.
        is_djangos = record.name.startswith(("django.db", "django.template"))
        self.note(f"log {record.name}", "\n".join(texts), cookies_allowed=is_djangos)

    def note_error_report(self, error):
        """An error collector takes each logged error, with the variables of its frames."""
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        # Django's frames hold the session's key, which collectors know to leave out.
        self.note("error report", "".join(told.format()), cookies_allowed=True)

    def _is_browsers(self, record):
        if not record.name.startswith("urllib3") or not isinstance(record.args, tuple):
            return False
        return self.site_port in record.args or any(
            isinstance(value, str) and value.startswith(BROWSERS_PATHS) for value in record.args
        )

    def note_response(self, request, response):
        for name, morsel in response.cookies.items():
            self._learn_cookie(name, morsel.value)
            self.note(f"cookie {name}", morsel.value, cookies_allowed=True)
        match = request.resolver_match
        if match is not None and match.func.__module__.startswith("tests."):
            # The tests' own pages show tokens to the tests.
            return
        for name, value in response.headers.items():
            shown = _without_what_is_meant(value) if name == "Location" else value
            self.note(f"header {name} of {request.path}", shown)
        if not response.streaming:
            text = response.content.decode(errors="replace")
            text = FORM_FOR_INSTANCE.sub("", text)
            self.note(f"page {request.path}", text)

    def note_mail(self):
        for message in getattr(mail, "outbox", []):
            parts = [message.subject, message.body, *map(str, getattr(message, "alternatives", []))]
            self.note("mail", "\n".join(parts))

    def note_database(self):
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                for row in cursor.fetchall():
                    # Django's sessions are found by their key, which is the cookie.
                    self.note(f"table {table}", repr(row), cookies_allowed=True)
        for session in Session.objects.all():
            decoded = json.dumps(session.get_decoded(), ensure_ascii=False, default=str)
            self.note("session", decoded, cookies_allowed=True)

    # Both

    def forget(self):
        """Forgets secrets and places: for a test that does one thing a thousand times."""
        self._secrets.clear()
        self._noted.clear()

    def leaks(self):
        """Which secret is where, without the secret."""
        found = set()
        for start, (name, is_cookie) in self._secrets.items():
            urls = {quote(start), quote(start, safe=""), quote_plus(start)}
            spellings = {start, repr(start)[1:-1], *urls}
            for place, text, cookies_allowed in self._noted:
                if is_cookie and cookies_allowed:
                    continue
                if any(spelling in text for spelling in spellings):
                    found.add(f"{name} in {place}")
        return sorted(found)


def _without_what_is_meant(location):
    for path, names in MEANT_FOR_INSTANCE.items():
        if urlsplit(location).path == path:
            return re.sub(rf"\b({'|'.join(names)})=[^&]*", "", location)
    return location


@contextmanager
def watching(watch):
    """Every log record at DEBUG, every request to the stand-in and every response of the site."""
    with pytest.MonkeyPatch.context() as patch:
        _watch_logs(watch, patch)
        _watch_instance(watch, patch)
        _watch_site(watch, patch)
        yield


def _watch_logs(watch, patch):
    make = logging.getLogRecordFactory()

    def factory(*args, **kwargs):
        record = make(*args, **kwargs)
        watch.note_log_record(record)
        return record

    patch.setattr(logging, "_logRecordFactory", factory)
    patch.setattr(logging.Logger, "isEnabledFor", lambda *_of_any_level: True)


def _watch_instance(watch, patch):
    add, answer = Recording.add, gate.Gate.__call__

    def record(self, request):
        watch.learn_from_request_to_instance(request)
        add(self, request)

    def call(self, environ, start_response):
        chunks = answer(self, environ, start_response)
        return _read_on(chunks, watch) if endpoint_of(environ["PATH_INFO"]) == "token" else chunks

    patch.setattr(Recording, "add", record)
    patch.setattr(gate.Gate, "__call__", call)


def _read_on(chunks, watch):
    body = b""
    try:
        for chunk in chunks:
            body = body if len(body) > MAX_NOTED else body + chunk
            yield chunk
    finally:
        watch.learn_from_answer(body)
        if hasattr(chunks, "close"):
            chunks.close()


def _watch_site(watch, patch):
    get, get_async = BaseHandler.get_response, BaseHandler.get_response_async

    def seen(request, response):
        watch.learn_from_request_to_site(request)
        watch.note_response(request, response)
        return response

    def get_response(self, request):
        return seen(request, get(self, request))

    async def get_response_async(self, request):
        return seen(request, await get_async(self, request))

    patch.setattr(BaseHandler, "get_response", get_response)
    patch.setattr(BaseHandler, "get_response_async", get_response_async)
