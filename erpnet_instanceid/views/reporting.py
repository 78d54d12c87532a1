"""Reports errors, and keeps secrets of a request out of the reports."""

from __future__ import annotations

import logging
from collections.abc import Callable, ItemsView
from functools import wraps
from types import FrameType
from typing import Any

from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.debug import SafeExceptionReporterFilter

logger = logging.getLogger("django.request")
# Django logs this for an error that no view catches: the status in words, and the path.
DJANGOS_LINE = "%s: %s"


class ReportFilter(SafeExceptionReporterFilter):
    """Leaves out form fields, cookies and the values of variables, names kept."""

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        return self._hidden(request, super().get_post_parameters(request))

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        return self._hidden(request, super().get_safe_cookies(request))

    def get_traceback_frame_variables(
        self, request: HttpRequest, tb_frame: FrameType
    ) -> ItemsView[str, Any]:
        variables = super().get_traceback_frame_variables(request, tb_frame)
        return self._hidden(request, dict(variables)).items()

    def _hidden(self, request: HttpRequest | None, values: Any) -> dict[str, Any]:
        return (
            dict.fromkeys(values, self.cleansed_substitute) if self.is_active(request) else values
        )


def sensitive_request(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Keeps what was sent to this view out of error reports, which a site mails to its ADMINS."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request.exception_reporter_filter = ReportFilter()
        return view(request, *args, **kwargs)

    return wrapper


def report(request: HttpRequest, response: HttpResponse, error: Exception) -> None:
    """Tells ADMINS and error collectors of an error, as Django does if no view catches it.

    Has to be called in the ``except`` block, since collectors ask Python for the error.
    """
    got_request_exception.send(sender=None, request=request)
    logger.error(
        DJANGOS_LINE,
        response.reason_phrase,
        request.path,
        exc_info=error,
        extra={"status_code": response.status_code, "request": request},
    )
