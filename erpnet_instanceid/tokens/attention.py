"""Notes on a request whether it has renewed its tokens, so that it does not do so twice."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.http import HttpRequest

from ..oidc.errors import InstanceUnavailable
from ..oidc.token_set import JUST_ISSUED_SECONDS

_NOTE = "_instance_renewal"


@dataclass(frozen=True)
class Note:
    """When the request has had its tokens renewed, or the error that it has got instead."""

    at: float
    error: InstanceUnavailable | None = None


def note_renewal(request: HttpRequest) -> None:
    """Remembers for the rest of the request that its tokens have been renewed."""
    setattr(request, _NOTE, Note(time.monotonic()))


def note_failure(request: HttpRequest, error: InstanceUnavailable) -> None:
    """Remembers for the rest of the request that it has waited for new tokens in vain."""
    setattr(request, _NOTE, Note(time.monotonic(), error))


def was_just_renewed(request: HttpRequest) -> bool:
    """Whether the request has had its tokens renewed moments ago.

    An instance whose tokens expire at once is then not asked for another one.
    """
    note = _fresh_note(request)
    return note is not None and note.error is None


def raise_if_just_failed(request: HttpRequest) -> None:
    """If the request has just waited for tokens in vain, raises that error again without a wait."""
    note = _fresh_note(request)
    if note is not None and note.error is not None:
        raise note.error.again()


def _fresh_note(request: HttpRequest) -> Note | None:
    note: Note | None = getattr(request, _NOTE, None)
    if note is None or time.monotonic() - note.at > JUST_ISSUED_SECONDS:
        return None
    return note
