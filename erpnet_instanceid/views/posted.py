"""Forms that come from outside, without a CSRF token: of the one kind that the protocol knows."""

from __future__ import annotations

from urllib.parse import parse_qsl

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, QueryDict, RawPostDataException, UnreadablePostError
from django.utils.datastructures import MultiValueDict

from ..oidc.errors import AttemptError

FORM = "application/x-www-form-urlencoded"
MAX_FORM_BYTES = 256 * 1024


def pairs_of(query: QueryDict) -> list[tuple[str, str]]:
    """Names and values in their order. A name may come twice."""
    return [(name, str(value)) for name, values in query.lists() for value in values]


def posted_pairs(request: HttpRequest) -> list[tuple[str, str]]:
    """The fields of a posted form. OAuth 2.0 Form Post Response Mode 2.

    Raises AttemptError where the body is no form or is too large, or its sender has gone away. A
    body that is too large is not read.
    """
    try:
        return _pairs(request)
    finally:
        _empty(request)


def _pairs(request: HttpRequest) -> list[tuple[str, str]]:
    charset = (request.content_params or {}).get("charset", "utf-8")
    if request.content_type != FORM or charset.lower() != "utf-8":
        raise AttemptError("not_form", content_type=str(request.content_type)[:80])
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_FORM_BYTES:
            raise AttemptError("answer_too_large", limit=MAX_FORM_BYTES)
        # request.POST would take twice as long: it collects the values by their names.
        return parse_qsl(
            request.body.decode(errors="replace"),
            keep_blank_values=True,
            max_num_fields=settings.DATA_UPLOAD_MAX_NUMBER_FIELDS,
        )
    except (SuspiciousOperation, RawPostDataException, ValueError, UnreadablePostError):
        raise AttemptError("not_form") from None


def _empty(request: HttpRequest) -> None:
    # Error collectors read form and body again, long after this view has.
    request.POST = QueryDict()
    # Django has no public way to drop a body that it has read, or is not to read.
    request._body = b""
    request._files = MultiValueDict()  # type: ignore[attr-defined]
