"""An answer in the query of an address: taken from every place where others look for it.

Access logs, error reports and traces show the address of a request. Most of them read it after the
view, where Django or the server keeps it. Sentry and OpenTelemetry note it before the view.
"""

from __future__ import annotations

import sys
from typing import Any, cast

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, QueryDict

from .posted import pairs_of

# The attributes of a span that hold a query, in the older and in the newer conventions.
SPAN_ATTRIBUTES = ("http.target", "http.url", "url.full", "url.query")


def take_query(request: HttpRequest) -> list[tuple[str, str]]:
    """The names and values of the query, which nobody finds afterwards."""
    pairs = pairs_of(request.GET)
    request.GET = QueryDict()
    for name, value in request.META.items():
        # Servers and proxies repeat the whole address: RAW_URI, REQUEST_URI, HTTP_X_ORIGINAL_URL.
        if name.endswith(("URI", "URL")) and isinstance(value, str):
            request.META[name] = value.partition("?")[0]
        elif name.endswith("QUERY_STRING"):
            request.META[name] = ""
    if isinstance(request, ASGIRequest):
        # The server writes its access log from here, after the response.
        cast(dict[str, Any], request.scope)["query_string"] = b""
    _take_from_sentry()
    _take_from_opentelemetry()
    return pairs


def _take_from_sentry() -> None:
    sentry: Any = sys.modules.get("sentry_sdk")
    if hasattr(sentry, "get_isolation_scope"):
        sentry.get_isolation_scope().add_event_processor(_without_query)


def _without_query(event: dict[str, Any], _hint: object) -> dict[str, Any]:
    if "request" in event:
        event["request"]["query_string"] = ""
    return event


def _take_from_opentelemetry() -> None:
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return
    span = trace.get_current_span()
    noted = getattr(span, "attributes", None) or {}
    for name in SPAN_ATTRIBUTES:
        if name in noted:
            value = "" if name == "url.query" else str(noted[name]).partition("?")[0]
            span.set_attribute(name, value)
