"""Uses of Django's session engines that go beyond their public methods.

A quirk of one engine belongs here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import Error as DatabaseFailure
from django.db import OperationalError
from django.http import HttpRequest

from ..conflicts import tried_again

P = ParamSpec("P")
T = TypeVar("T")

REPEATED_METHODS = ("save", "delete")
# A session object does not share these with another one of the same session.
OWN_ATTRIBUTES = frozenset(
    {"accessed", "modified", "serializer", "create", "exists", *REPEATED_METHODS}
)


def engine_of(session: SessionBase) -> type[SessionBase]:
    """The class of the session, also where the site has put an object of its own around it."""
    # Channels wraps the session in a lazy object: type() would be the wrapper's class.
    kind = session.__class__
    return kind if issubclass(kind, SessionBase) else _configured()


def _configured() -> type[SessionBase]:
    store: type[SessionBase] = import_module(settings.SESSION_ENGINE).SessionStore
    return store


def loaded(request: HttpRequest) -> Mapping[str, Any] | None:
    """The content that the request's session has loaded, None before it has loaded any."""
    try:
        session = request.session
    except AttributeError:
        # A site may leave sessions out for some of its pages.
        return None
    # Django has no public way to look without loading.
    content: Mapping[str, Any] | None = getattr(session, "_session_cache", None)
    return content


def reopen(session: SessionBase, key: str | None) -> SessionBase:
    """The same session, to be read again from its engine, which knows it by this key."""
    again = engine_of(session)(key)
    # Some engines save the browser and the address of the visitor, which they keep as attributes.
    for name, value in vars(session).items():
        if not name.startswith("_") and name not in OWN_ATTRIBUTES:
            setattr(again, name, value)
    return again


@contextmanager
def untouched(session: SessionBase) -> Iterator[None]:
    """Restores ``accessed`` and ``modified`` on exit, so that the block causes neither a save nor
    ``Vary: Cookie``."""
    accessed, modified = session.accessed, session.modified
    try:
        yield
    finally:
        session.accessed, session.modified = accessed, modified


def repeat_in_conflict(session: SessionBase) -> None:
    """Makes ``session`` try again if the database aborts a save or a delete.

    Django saves a session after the view, and answers 400 if the database refuses.
    """
    for name in REPEATED_METHODS:
        setattr(session, name, _repeated(getattr(session, name)))


def _repeated(method: Callable[P, T]) -> Callable[P, T]:
    def repeated(*args: P.args, **kwargs: P.kwargs) -> T:
        return tried_again(partial(method, *args, **kwargs))

    return repeated


@contextmanager
def filled_when_created(session: SessionBase, fill: Callable[[], None]) -> Iterator[None]:
    """Calls ``fill`` when the session gets a new key inside the block, before it is stored.

    Calls it after the block if it has not been called for the session's key: some engines store a
    session later.
    """
    save, create, filled_for = session.save, session.create, None

    def create_at_once() -> None:
        # Django asks the engine first whether the new key is free. The key is one of 10 ** 49, and
        # an engine that has it refuses to store the session: Django then takes another key.
        exists = session.exists
        session.exists = lambda session_key: False  # type: ignore[method-assign]
        try:
            create()
        except DatabaseFailure:
            raise
        except Exception as error:
            # The sign-in fails alike, whether a database, a cache or a disk refuses.
            raise OperationalError("the session could not be stored") from error
        finally:
            session.exists = exists  # type: ignore[method-assign]

    def fill_and_save(must_create: bool = False) -> None:
        nonlocal filled_for
        if must_create:
            fill()
            filled_for = session.session_key
        save(must_create)

    session.save, session.create = fill_and_save, create_at_once  # type: ignore[method-assign]
    try:
        yield
    finally:
        session.save, session.create = save, create  # type: ignore[method-assign]
    if filled_for is None or filled_for != session.session_key:
        fill()


def save_only_changes(session: SessionBase) -> None:
    """Makes ``session`` skip a save if its last one has stored the same content.

    login() stores the session and then changes it, so Django stores it again after the view.
    """
    save = session.save
    stored: bytes | None = None

    def save_changes(must_create: bool = False) -> None:
        nonlocal stored
        content = _content(session)
        if must_create or content is None or content != stored:
            save(must_create)
            stored = content

    session.save = save_changes  # type: ignore[method-assign]


def _content(session: SessionBase) -> bytes | None:
    """The content as bytes, None where the serializer cannot write it."""
    try:
        content: bytes = session.serializer().dumps(dict(session.items()))
    except Exception:  # noqa: BLE001 - each serializer fails in its own way
        # Not every engine uses the serializer: that of the cache stores any object.
        return None
    return content


@contextmanager
def keeping(session: SessionBase, key: str | None) -> Iterator[None]:
    """Makes ``session`` delete no session with this key inside the block."""
    delete = session.delete

    def delete_others(session_key: str | None = None) -> None:
        if key is None or key != (session_key or session.session_key):
            delete(session_key)

    session.delete = delete_others  # type: ignore[method-assign]
    try:
        yield
    finally:
        session.delete = delete  # type: ignore[method-assign]


def delete_session(session_key: str) -> None:
    """Deletes a session of the configured engine. Nothing happens where it does not exist."""
    if session_key:
        store = _configured()(session_key)
        tried_again(partial(store.delete, session_key))
