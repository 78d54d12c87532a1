"""A stand-in Instance ID, for tests of sites and for trying things out without an ERP.

    from erpnet_instanceid.testing import run_instance

    with run_instance() as instance:
        site_settings = instance.settings()

It shares no code with the app that it tests: tokens and grants are Authlib's, served by Flask.
Needs the extra `erpnet-instanceid[testing]`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .instance import Instance
    from .remote import RemoteInstance
    from .runner import run_instance
    from .visitor import AuthorizationAnswer, visit
    from .wire.sign_out import Notice, deliver
    from .world.applications import Application, application_secret_hash
    from .world.faults import Fault
    from .world.forging import Token, sign
    from .world.keys import new_key
    from .world.people import Person
    from .world.recording import RecordedRequest

__all__ = [
    "Application",
    "AuthorizationAnswer",
    "Fault",
    "Instance",
    "Notice",
    "Person",
    "RecordedRequest",
    "RemoteInstance",
    "Token",
    "application_secret_hash",
    "deliver",
    "new_key",
    "run_instance",
    "sign",
    "visit",
]

_HOMES = {
    "Application": "world.applications",
    "AuthorizationAnswer": "visitor",
    "Fault": "world.faults",
    "Instance": "instance",
    "Notice": "wire.sign_out",
    "Person": "world.people",
    "RecordedRequest": "world.recording",
    "RemoteInstance": "remote",
    "Token": "world.forging",
    "application_secret_hash": "world.applications",
    "deliver": "wire.sign_out",
    "new_key": "world.keys",
    "run_instance": "runner",
    "sign": "world.forging",
    "visit": "visitor",
}


# What the extra brings, as far as it is imported by name.
_EXTRA = frozenset({"authlib", "flask", "jinja2", "joserfc", "werkzeug"})
_NEEDS_EXTRA = 'The stand-in needs more packages: pip install "erpnet-instanceid[testing]"'


def __getattr__(name: str) -> Any:
    # pytest imports the plugin beside this file in every project that has the app installed, also
    # where the extra is missing.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        home = import_module(f".{_HOMES[name]}", __name__)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in _EXTRA:
            raise ModuleNotFoundError(_NEEDS_EXTRA, name=error.name) from None
        raise
    return getattr(home, name)
