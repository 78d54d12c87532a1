"""A sign-in ends with its session, and a form does not open one."""

import pytest
from django.contrib.sessions.models import Session
from django.db.models import QuerySet

from erpnet_instanceid.models import SignIn

CSRF = "x" * 64


@pytest.mark.urls("tests.api.site")
def test_form_without_a_session_opens_no_session(visitor):
    visitor.http.cookies.set("csrftoken", CSRF, domain="localhost.local")
    form = {"note": "y" * 50_000, "csrfmiddlewaretoken": CSRF}
    response = visitor.http.post(visitor.site + "/order", data=form, allow_redirects=False)
    assert response.status_code == 401
    assert not Session.objects.exists()


def test_sign_out_inside_a_repeatable_read_transaction(visitor, monkeypatch):
    """MySQL's REPEATABLE READ: rows are read as they were when the transaction began, and changed
    as they are. Played here by Django's own read, which goes on to tell the first generation."""
    visitor.sign_in("maria")
    SignIn.objects.update(generation=2)
    read = QuerySet.first

    def read_as_it_was(rows):
        found = read(rows)
        if isinstance(found, SignIn):
            found.generation = 1
        return found

    monkeypatch.setattr(QuerySet, "first", read_as_it_was)

    visitor.post("/signout")

    assert visitor.whoami()["user"] == ""
    assert SignIn.objects.get().ended is not None
