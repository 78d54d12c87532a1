"""Writes tests/public_names.txt, what sites import: ``python -m tests.public_names``."""

import inspect
import os
import re
from importlib import import_module
from pathlib import Path

import django

TABLE = Path(__file__).parent / "public_names.txt"
PACKAGE = "erpnet_instanceid"
ERRORS = f"{PACKAGE}.errors"
MODULES = (
    "api",
    "api.amounts",
    "api.files",
    "api.query",
    "backends",
    "decorators",
    "errors",
    "middleware",
    "session",
    "signals",
    "testing",
)


def table():
    """Each public module with its names, as text."""
    return "\n".join(line for module in MODULES for line in _module(f"{PACKAGE}.{module}"))


def _module(dotted):
    module = import_module(dotted)
    yield dotted
    for name in sorted(module.__all__):
        value = getattr(module, name)
        if dotted != ERRORS and name in import_module(ERRORS).__all__:
            yield f"    {name}: from errors"
        elif isinstance(value, type):
            yield from _class(value, {getattr(module, name) for name in module.__all__})
        elif callable(value):
            yield f"    {name}{_signature(value)}"
        else:
            yield f"    {name}: {type(value).__name__}"
    yield ""


def _class(cls, listed):
    """The constructor, the public methods and the properties, without those of ``listed``
    parents and of libraries."""
    parents = ", ".join(base.__name__ for base in cls.__bases__ if base is not object)
    yield f"    class {cls.__name__}({parents})" if parents else f"    class {cls.__name__}"
    members = {}
    for parent in reversed(cls.__mro__):
        is_ours = parent.__module__.startswith(PACKAGE)
        if parent is cls or (is_ours and parent not in listed):
            members.update(vars(parent))
    for name, member in sorted(members.items()):
        value = inspect.unwrap(getattr(member, "__func__", member))
        if name.startswith("_") and name not in ("__init__", "__call__"):
            continue
        if isinstance(value, property):
            yield f"        {name}: {_signature(value.fget).rpartition(' -> ')[2]}"
        elif inspect.isfunction(value):
            start = "async " if inspect.iscoroutinefunction(value) else ""
            yield f"        {start}{name}{_signature(value)}"


def _signature(function):
    """Without quotes around annotations, and without the addresses of defaults."""
    written = re.sub(r"(: |-> )(['\"])(.*?)\2", r"\1\3", str(inspect.signature(function)))
    return re.sub(r"<(?:\w+\.)*(\w+) object at 0x\w+>", r"<\1>", written)


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    TABLE.write_text(table(), encoding="utf-8")
