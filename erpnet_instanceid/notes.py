"""What code notes on a request for the middleware, which has the response in the end."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

# The attribute of a request that has notes.
NOTES = "_instance_notes"


def note(request: HttpRequest, name: str, value: Any) -> None:
    request.__dict__.setdefault(NOTES, {})[name] = value


def noted(request: HttpRequest, name: str) -> Any:
    """What `note` has noted under this name, None where nothing is."""
    return getattr(request, NOTES, {}).get(name)
