"""Keeps frames that hold secrets out of tracebacks."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def hides_frames(function: Callable[P, T]) -> Callable[P, T]:
    """Decorates a function so that an error leaves it without the frames below.

    Error collectors record the local variables of each frame in a traceback. The arguments of
    ``function`` stay visible: pass secrets in objects whose ``repr`` does not show them.
    """

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever it is, its frames stay here
            raise error.with_traceback(None) from None

    return wrapper
