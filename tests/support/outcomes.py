"""The outcomes of a sign-in, looked at from every side: the words OK, REJ, REJ0 and UPF of the
cases. `tests/support/leaks.py` watches that no secret is shown or logged.

    attempt = begin(visitor, instance)
    response = attempt.bring(code="another")
    attempt.assert_refused(response, "invalid_grant", token_requests=1)
"""

import os
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session

from erpnet_instanceid.models import Account, SignIn
from erpnet_instanceid.testing import AuthorizationAnswer, Instance

from .visitor import Visitor

REDIRECTS = (301, 302, 303, 307, 308)
FAILURES = (502, 503, 504)


@dataclass(frozen=True)
class Before:
    """The state before: the visitor's session, the stored rows, the calls to the instance."""

    instance: Instance
    who: dict[str, Any]
    stored: dict[str, list[dict[str, Any]]]
    calls: Counter[str]


def look(visitor, instance):
    """How things stand now."""
    return Before(instance, visitor.whoami(), _stored(), _calls(instance))


def assert_signed_in(visitor, response, before, login="maria", *, target="/"):
    """OK: the right person, under a new session key, on the way to where they wanted to go."""
    assert response.status_code in REDIRECTS, response.text
    assert response.headers["Location"] == target
    who = visitor.whoami()
    assert who["user"] == login
    assert who["session"] != before.who["session"]
    assert who["generation"] == 1
    assert (_calls(before.instance) - before.calls)["token"] == 1


def assert_rejected(visitor, response, before, *, status=400, code=None, corrected=None, **made):
    """REJ, and REJ0 without ``token_requests``: a page that says so, and nothing else.

    ``status`` is 403 where the visitor is known and not wanted. ``code`` is the error's, as the
    page names it. ``corrected`` is a right answer to the same attempt: it comes too late.
    """
    _assert_only_a_page(visitor, response, before, [status], code, made)
    if corrected is not None:
        again = visitor.bring(corrected)
        if again.status_code in REDIRECTS:
            # A visitor who is signed in is sent on with any answer.
            _assert_stays_here(again)
        else:
            assert 400 <= again.status_code < 500
        assert_nothing_came_of_it(visitor, before, **made)


def assert_ignored(visitor, response, before):
    """A harmless redirect to another page of the site, and nothing else."""
    assert response.status_code in REDIRECTS, response.text
    _assert_stays_here(response)
    assert_nothing_came_of_it(visitor, before)


def assert_unavailable(visitor, response, before, *, code=None, **made):
    """UPF: a page that says the instance failed, and nothing else."""
    _assert_only_a_page(visitor, response, before, FAILURES, code, made)


def assert_notice_refused(response, visitor, before, *, status=400):
    """LO400: a sign-out notice that ends no session. ``visitor`` is the one it was about."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:500]}"
    assert "no-store" in response.headers["Cache-Control"]
    assert response.headers["Content-Type"].startswith("application/json")
    assert set(response.json()) == {"error"}
    assert_nothing_came_of_it(visitor, before)


def assert_nothing_came_of_it(visitor, before, *, token_requests=0, userinfo_requests=0):
    """The visitor is signed in as before, nothing is stored, and the instance was asked for no
    more. Metadata and keys may have been looked up."""
    assert visitor.whoami() == before.who
    for name, rows in _stored().items():
        assert rows == before.stored[name], f"{name} changed"
    # Where the instance did not answer, the claim of the attempt is left, and nothing in it.
    assert not SignIn.objects.filter(account=None).exclude(tokens="").exists()
    calls = _calls(before.instance) - before.calls
    for looked_up in ("discovery", "jwks"):
        del calls[looked_up]
    # Two counters are equal if one of them has a 0 in the place of nothing.
    assert calls == Counter(token=token_requests, userinfo=userinfo_requests)


def assert_ended(visitor, session_key):
    """Anonymous from the next request on; neither the session nor its tokens are left."""
    assert visitor.get("/private").status_code == 302
    assert visitor.whoami()["user"] == ""
    assert not Session.objects.filter(session_key=session_key).exists()
    for sign_in in SignIn.objects.filter(session_key=session_key):
        assert sign_in.ended is not None
        assert sign_in.tokens == ""
        assert sign_in.leased_until is None


@contextmanager
def within(seconds):
    """Fails where the block takes longer; on a machine that is busy, so many times longer."""
    started = monotonic()
    yield
    took = monotonic() - started
    busy = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert took < seconds * busy, f"took {took:.2f} s"


@dataclass(frozen=True)
class Attempt:
    """A sign-in as far as the instance's answer, which the visitor has yet to bring."""

    visitor: Visitor
    answer: AuthorizationAnswer
    before: Before

    def changed(self, **values):
        """The answer's fields, some set to other values or, where that is None, left out."""
        fields = dict(self.answer.fields) | values
        return [(name, value) for name, value in fields.items() if value is not None]

    def bring(self, **values):
        return self.visitor.bring(self.answer, self.changed(**values))

    def decline(self, error, **more):
        """Brings an error in place of the answer."""
        fields = {"state": self.answer["state"], "error": error, **more}
        return self.visitor.bring(self.answer, list(fields.items()))

    def assert_refused(self, response, code=None, *, is_over=True, **more):
        """As `assert_rejected`. Where the attempt ``is_over``, the right answer comes too late."""
        corrected = self.answer if is_over else None
        assert_rejected(self.visitor, response, self.before, code=code, corrected=corrected, **more)

    def assert_denied(self, code, **more):
        """The right answer brings a visitor who is known, and not let in."""
        self.assert_refused(self.bring(), code, status=403, token_requests=1, **more)

    def assert_unavailable(self, response, **more):
        assert_unavailable(self.visitor, response, self.before, **more)

    def assert_signed_in(self, response=None, **more):
        """The right answer, or another with the ``response``, signs in."""
        response = self.bring() if response is None else response
        assert_signed_in(self.visitor, response, self.before, **more)


def begin(visitor, instance, login="maria", next_url=None):
    """Starts a sign-in and passes the instance's pages."""
    answer = visitor.at(visitor.start(next_url), login)
    return Attempt(visitor, answer, look(visitor, instance))


def _stored():
    return {
        "users": list(get_user_model().objects.order_by("pk").values()),
        "accounts": list(Account.objects.order_by("pk").values()),
        "sign-ins": list(SignIn.objects.exclude(account=None).order_by("pk").values()),
        "sessions": list(Session.objects.order_by("pk").values()),
    }


def _calls(instance):
    return Counter(request.endpoint for request in instance.requests)


def _assert_only_a_page(visitor, response, before, statuses, code, made):
    assert response.status_code in statuses, f"{response.status_code}: {response.text[:500]}"
    assert response.headers["Content-Type"].startswith("text/html")
    assert "no-store" in response.headers["Cache-Control"]
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert 'href="/signin' in response.text, "no way to start again"
    shown = re.search(r"<code>(\w+)</code> \(([^)]*)\)", response.text)
    assert shown, response.text
    assert code in (None, shown[2])
    assert_nothing_came_of_it(visitor, before, **made)


def _assert_stays_here(response):
    parts = urlsplit(response.headers["Location"])
    assert not parts.scheme
    assert not parts.netloc
    assert parts.path.startswith("/")
