"""Checks how a sign-in is asked for: flow, scopes, algorithms."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage

from ..conf import DEFAULTS, conf
from ..oidc.jose import ASYMMETRIC_ALGORITHMS
from .messages import error, name, warning
from .values import are_names

MODES = {
    "code id_token": {"form_post"},
    "code": {"query", "form_post"},
}
SCOPES = {"SCOPE": DEFAULTS["SCOPE"], "SERVICE_SCOPE": "read"}


def check_flow() -> Iterator[CheckMessage]:
    yield from _response_type()
    yield from _scopes()
    yield from _signing_algorithms()


def _response_type() -> Iterator[CheckMessage]:
    modes = MODES.get(conf.response_type)
    if modes is None:
        yield error(
            6,
            f"{name('RESPONSE_TYPE')} is {conf.response_type!r}.",
            f"Use one of: {', '.join(map(repr, MODES))}.",
        )
    elif conf.response_mode not in modes:
        yield error(
            7,
            f"{name('RESPONSE_MODE')} {conf.response_mode!r} does not go with "
            f"RESPONSE_TYPE {conf.response_type!r}.",
            f"Use {' or '.join(map(repr, sorted(modes)))}.",
        )


def _scopes() -> Iterator[CheckMessage]:
    malformed = [key for key in SCOPES if not _is_scope(conf.get(key))]
    for key in malformed:
        yield error(
            19,
            f"{name(key)} must be one string, separated by spaces.",
            f'Write it as "{SCOPES[key]}".',
        )
    if not malformed:
        yield from _missing_scopes(conf.scope.split())


def _is_scope(value: object) -> bool:
    return value is None or (isinstance(value, str) and "," not in value)


def _missing_scopes(scopes: list[str]) -> Iterator[CheckMessage]:
    if "openid" not in scopes:
        yield error(8, f"{name('SCOPE')} lacks 'openid'.", "Add it: no sign-in works without it.")
    elif "offline_access" not in scopes:
        yield warning(
            1,
            f"{name('SCOPE')} lacks 'offline_access'.",
            "Add it. Without it visitors go through the instance again whenever a token expires.",
        )


def _signing_algorithms() -> Iterator[CheckMessage]:
    algorithms = conf.get("SIGNING_ALGORITHMS")
    if not are_names(algorithms) or not algorithms or not {*algorithms} <= ASYMMETRIC_ALGORITHMS:
        yield error(
            9,
            f"{name('SIGNING_ALGORITHMS')} must be a list of asymmetric algorithms.",
            f"Choose from: {', '.join(sorted(ASYMMETRIC_ALGORITHMS))}.",
        )
