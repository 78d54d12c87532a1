"""Looks at the classes that a setting names by dotted path."""

from __future__ import annotations

from django.utils.module_loading import import_string


def is_a(path: str, kind: type) -> bool:
    """Whether ``path`` names a subclass of ``kind``, or ``kind`` itself."""
    return issubclass(imported(path), kind)


def imported(path: object) -> type:
    """The class at ``path``, ``object`` if no class stands there."""
    try:
        found = import_string(path)  # type: ignore[arg-type]
    except (AttributeError, ImportError, ValueError):
        return object
    return found if isinstance(found, type) else object
