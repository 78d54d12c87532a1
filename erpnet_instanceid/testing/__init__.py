"""A stand-in Instance ID, to test a site and to try things out without an ERP.

    from erpnet_instanceid.testing import run_instance

    with run_instance() as instance:
        site_settings = instance.settings()

It shares no code with the app that it tests: Authlib makes the tokens and grants, Flask serves
them. Needs the extra `erpnet-instanceid[testing]`.
"""

from __future__ import annotations

from typing import Any

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

_EXTRA = {"authlib", "flask", "jinja2", "joserfc", "werkzeug"}

try:
    from .instance import Instance
    from .remote import RemoteInstance
    from .runner import run_instance
    from .visitor import AuthorizationAnswer, visit
    from .world.applications import Application, application_secret_hash
    from .world.faults import Fault
    from .world.forging import Token, sign
    from .world.keys import new_key
    from .world.notices import Notice, deliver
    from .world.people import Person
    from .world.recording import RecordedRequest
except ModuleNotFoundError as error:
    if str(error.name).partition(".")[0] not in _EXTRA:
        raise

    # pytest imports the plugin in this folder for every project that has the app installed, with
    # the extra or without. So this import must succeed; the first use of a name fails instead.
    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        raise ModuleNotFoundError(
            'The stand-in needs more packages: pip install "erpnet-instanceid[testing]"'
        )
