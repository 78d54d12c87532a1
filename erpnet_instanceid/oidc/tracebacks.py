"""Keeps frames that hold secrets out of tracebacks.

Error collectors record the local variables of each frame in a traceback. The arguments of a
decorated function stay visible: pass secrets in objects whose ``repr`` does not show them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import wraps
from types import TracebackType
from typing import ParamSpec, TypeVar

# Any frame of this app may hold a token.
OWN = __name__.partition(".")[0]
# So may each frame below one of these, such as that of a tracer, which has the request's headers.
CLIENTS = frozenset({"requests", "urllib3", "http"})

P = ParamSpec("P")
T = TypeVar("T")


def hides_frames(function: Callable[P, T]) -> Callable[P, T]:
    """Decorates a function so that an error leaves it without any of the frames below."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever it is, its frames stay here
            raise error.with_traceback(None) from None

    return wrapper


def hides_own_frames(function: Callable[P, T]) -> Callable[P, T]:
    """Decorates a function that calls the site's code, such as receivers of signals.

    An error leaves it with the site's and Django's frames, without those of this app and without
    those below a request to the instance.
    """

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            _drop_own_frames(error)
            # A bare `raise` would bring the dropped frames back on Python 3.10.
            raise error

    return wrapper


def ahides_own_frames(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """As `hides_own_frames`, for a coroutine function."""

    @wraps(function)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await function(*args, **kwargs)
        except Exception as error:
            _drop_own_frames(error)
            # A bare `raise` would bring the dropped frames back on Python 3.10.
            raise error

    return wrapper


def _drop_own_frames(error: Exception) -> None:
    for each in _with_what_led_to_it(error):
        each.__traceback__ = _without_own_frames(each.__traceback__)


def _with_what_led_to_it(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        waiting += [each.__cause__, each.__context__]
        yield each


def _without_own_frames(traceback: TracebackType | None) -> TracebackType | None:
    # A loop, since a traceback may be as long as the stack. It makes no new entries, which need a
    # line number: some entries have none.
    kept: list[TracebackType] = []
    while traceback is not None and _package(traceback) not in CLIENTS:
        if _package(traceback) != OWN:
            kept.append(traceback)
        traceback = traceback.tb_next
    following = None
    for each in reversed(kept):
        each.tb_next = following
        following = each
    return following


def _package(traceback: TracebackType) -> str:
    return str(traceback.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
