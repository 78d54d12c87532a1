"""In query mode Sentry and OpenTelemetry note the answer's address before any view runs."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
import sentry_sdk
from django.test import RequestFactory

from erpnet_instanceid.oidc.errors import AttemptError
from erpnet_instanceid.views.posted import posted_pairs
from erpnet_instanceid.views.queries import take_query

ANSWER = {"code": "the-code", "state": "the-state"}


def test_sentry_forgets_the_query(rf: RequestFactory) -> None:
    with sentry_sdk.isolation_scope() as scope:
        assert take_query(rf.get("/signin-callback", ANSWER)) == list(ANSWER.items())
        event = scope.apply_to_event({"request": {"query_string": "code=the-code"}}, {})
    assert event is not None
    assert "the-code" not in str(event)


def test_opentelemetry_forgets_the_query(
    rf: RequestFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Span:
        attributes = {
            "http.url": "http://testserver/signin-callback?code=the-code",
            "url.query": "code=the-code",
            "http.method": "GET",
        }

        def set_attribute(self, name: str, value: str) -> None:
            self.attributes[name] = value

    span: Any = Span()
    trace: Any = ModuleType("opentelemetry.trace")
    trace.get_current_span = lambda: span
    monkeypatch.setitem(sys.modules, trace.__name__, trace)
    take_query(rf.get("/signin-callback", ANSWER))
    assert span.attributes == {
        "http.url": "http://testserver/signin-callback",
        "url.query": "",
        "http.method": "GET",
    }


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_answer_that_is_no_form_is_dropped_too(rf: RequestFactory, content_type: str) -> None:
    request = rf.post("/signin-callback", '{"code": "the-code"}', content_type=content_type)
    with pytest.raises(AttemptError, match="not_form"):
        posted_pairs(request)
    assert request.body == b""
