"""Notes on a request, for the middleware, which has the response in the end."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

# The attribute of a request that has notes.
NOTES = "_instance_notes"


def djangos(request: Any) -> Any:
    """Django's own request, where Django REST framework has put one of its own around it."""
    return getattr(request, "_request", request)


def note(request: HttpRequest, name: str, value: Any) -> None:
    """Keeps ``value`` on the request until the middleware has the response."""
    djangos(request).__dict__.setdefault(NOTES, {})[name] = value


def noted(request: HttpRequest, name: str) -> Any:
    """What `note` has noted under this name, None where nothing is."""
    return getattr(request, NOTES, {}).get(name)
