"""Rows HYG of the cases. That no test here lets a secret out is watched by `conftest.py`."""

import logging
import sys

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.core.servers.basehttp import WSGIRequestHandler
from django.test import RequestFactory
from django.urls import path
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter

from erpnet_instanceid.models import SignIn
from erpnet_instanceid.signals import signed_in
from erpnet_instanceid.views.reporting import sensitive_request

from ..support.outcomes import begin
from ..views import home

urlpatterns = [path("", home, name="home")]


def test_hyg_01_watch_learns_every_kind_of_secret(visitor, instance, no_leaks):
    instance.access_token_lifetime = 1
    visitor.sign_in()
    visitor.get("/customers")

    assert no_leaks.known >= {
        "access_token",
        "client_secret",
        "code",
        "code_verifier",
        "id_token",
        "nonce",
        "refresh_token",
        "state",
        "cookie erpnet_answer",
        "cookie sessionid",
    }
    assert any(name.startswith("cookie erpnet_signin_") for name in no_leaks.known)


@pytest.mark.parametrize("flow", ["code id_token", "code"])
def test_hyg_01_error_mails_hold_no_secret(visitor, configure, monkeypatch, receive, flow):
    """Nor do the copies of the address that servers keep."""
    configure(RESPONSE_TYPE=flow)
    names = ("RAW_URI", "REQUEST_URI", "HTTP_X_ORIGINAL_URI", "UNENCODED_URL")
    get_environ = WSGIRequestHandler.get_environ

    def as_servers_do(handler):
        return {**get_environ(handler), **dict.fromkeys(names, handler.path)}

    def fail(**_kwargs):
        raise RuntimeError("the site's own mistake")

    monkeypatch.setattr(WSGIRequestHandler, "get_environ", as_servers_do)
    # As sites may ask for them: with the values of all variables.
    html_mails = AdminEmailHandler(include_html=True)
    html_mails.setLevel(logging.ERROR)
    logger = logging.getLogger("django.request")
    monkeypatch.setattr(logger, "handlers", [*logger.handlers, html_mails])
    receive(signed_in, fail)

    assert visitor.sign_in().status_code == 500

    reports = [message.body for message in mail.outbox]
    assert len(reports) == 2
    assert any(message.alternatives for message in mail.outbox)
    for report in reports:
        assert "the site's own mistake" in report
        if flow == "code":
            assert all(f"{name} = '/signin-callback'" in report for name in names)


@pytest.mark.parametrize("debug", [False, True])
def test_hyg_01_error_report_shows_posted_values_in_debug_only(settings, debug):
    settings.DEBUG = debug
    # Put together, for a report quotes these lines.
    request = RequestFactory().post("/signin-callback", {"id_token": "posted" * 3})
    request.COOKIES["erpnet_answer"] = "cookie" * 3

    @sensitive_request
    def view(request):
        raise RuntimeError(request.path)

    try:
        view(request)
    except RuntimeError:
        reporter = ExceptionReporter(request, *sys.exc_info())

    for report in (reporter.get_traceback_text(), reporter.get_traceback_html()):
        assert "id_token" in report
        assert ("posted" * 3 in report) is debug
        assert ("cookie" * 3 in report) is debug


def test_hyg_02_tokens_are_sealed_at_rest(visitor, instance):
    given = {}
    instance.change("token_answer", given.update)
    begin(visitor, instance).assert_signed_in()

    sign_in = SignIn.objects.get()
    stored, decoded = str(vars(sign_in)), str(Session.objects.get().get_decoded())
    cookies = [cookie.value or "" for cookie in visitor.cookies()]
    for name in ("access_token", "refresh_token", "id_token"):
        assert getattr(sign_in.token_set(), name) == given[name]
        for text in (stored, decoded, *cookies):
            assert given[name].rpartition(".")[2] not in text
    # A cookie that carried tokens would be long.
    assert max(map(len, cookies)) < 100


@pytest.mark.urls(__name__)
def test_hyg_03_check_command_reports_unsafe_settings(settings):
    settings.SESSION_COOKIE_SECURE = False
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    unsafe = {"ISSUER": "http://op.test/id", "APPLICATION_SECRET": ""}
    settings.ERPNET_INSTANCEID = {**settings.ERPNET_INSTANCEID, **unsafe}

    with pytest.raises(SystemCheckError) as caught:
        call_command("check")

    for name in ("E003", "E004", "E023", "E024", "W002"):
        assert f"erpnet_instanceid.{name}" in str(caught.value)
