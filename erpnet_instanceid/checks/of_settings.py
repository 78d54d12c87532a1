"""What stands in the dict of settings: each check names the key and the cure."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Tags, register

from ..conf import (
    DEFAULTS,
    EXTERNAL_USER_TYPE,
    INTERNAL_USER_TYPE,
    NEVER_ALLOWED_USER_TYPE,
    REQUIRED,
    SETTING,
    conf,
)
from ..oidc.jose import ASYMMETRIC_ALGORITHMS
from ..oidc.provider import LOOPBACK_HOSTS, is_safe_address
from ..signin.attempts import COOKIE_SECONDS
from .messages import error, name, warning

FLOWS = {
    "code id_token": {"form_post"},
    "code": {"query", "form_post"},
}
# Clocks that differ by more are set wrong, and an old token would pass for a new one.
MOST_SKEW_SECONDS = 300


@register(Tags.security)
def check_settings(**_kwargs: Any) -> list[CheckMessage]:
    """What stands in the dict of settings."""
    value = getattr(settings, SETTING, None)
    if not isinstance(value, dict):
        return [
            error(
                1,
                f"{SETTING} is missing from your settings."
                if value is None
                else f"{SETTING} is not a dict.",
                f"Set {SETTING} to a dict with {', '.join(REQUIRED)}.",
            )
        ]
    return [
        *_unknown_keys(value),
        *_required(value),
        *_addresses(value),
        *_flow(),
        *_values(value),
    ]


def _unknown_keys(value: dict[str, Any]) -> Iterator[CheckMessage]:
    for key in value:
        if key in DEFAULTS:
            continue
        near = difflib.get_close_matches(str(key).upper(), DEFAULTS, n=1, cutoff=0.5)
        cure = f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(DEFAULTS)}."
        yield error(2, f"{name(str(key))} is not a setting of this app.", cure)


def _required(value: dict[str, Any]) -> Iterator[CheckMessage]:
    cures = {
        "INSTANCE_URL": "Set it to the address of your instance, "
        "for example https://mycompany.my.erp.net.",
        "APPLICATION_URI": "Set it to the ApplicationUri of your Trusted Application.",
        "APPLICATION_SECRET": "Read it from the environment. "
        "'manage.py instanceid register' makes one.",
    }
    for key in REQUIRED:
        if not isinstance(value.get(key), str) or not value[key].strip():
            yield error(3, f"{name(key)} is missing or empty.", cures[key])
    for key in ("APPLICATION_URI", "APPLICATION_SECRET"):
        if isinstance(value.get(key), str) and value[key].strip() not in ("", value[key]):
            yield error(
                16,
                f"{name(key)} begins or ends with white space, which the instance does not know.",
                "Read it with .strip(): a file mostly ends in a new line.",
            )


def _addresses(value: dict[str, Any]) -> Iterator[CheckMessage]:
    for key in ("INSTANCE_URL", "ISSUER", "CALLBACK_URL", "POST_LOGOUT_URL"):
        url = value.get(key)
        if url in (None, "") or is_safe_address(url):
            continue
        yield error(
            4,
            f"{name(key)} is not an https address.",
            "Write it in full, with https://. Plain http is for this machine only "
            f"({', '.join(sorted(LOOPBACK_HOSTS))}).",
        )
    url = value.get("INSTANCE_URL")
    if isinstance(url, str) and url.rstrip("/").endswith("/id"):
        yield error(
            5,
            f"{name('INSTANCE_URL')} ends in /id, which is the issuer's address.",
            "Leave /id out: the instance's own address is wanted.",
        )
    for key in ("INSTANCE_URL", "ISSUER"):
        url = value.get(key)
        if isinstance(url, str) and "?" in url:
            yield error(
                17,
                f"{name(key)} has a query.",
                "Leave out what begins with '?': paths are put behind the address.",
            )


def _flow() -> Iterator[CheckMessage]:
    modes = FLOWS.get(conf.response_type)
    if modes is None:
        yield error(
            6,
            f"{name('RESPONSE_TYPE')} is {conf.response_type!r}.",
            f"Use one of: {', '.join(map(repr, FLOWS))}.",
        )
    elif conf.response_mode not in modes:
        yield error(
            7,
            f"{name('RESPONSE_MODE')} {conf.response_mode!r} does not go with "
            f"RESPONSE_TYPE {conf.response_type!r}.",
            f"Use {' or '.join(map(repr, sorted(modes)))}.",
        )
    for key in ("SCOPE", "SERVICE_SCOPE"):
        scope = conf.get(key)
        if scope is not None and (not isinstance(scope, str) or "," in scope):
            yield error(
                19,
                f"{name(key)} must be one string, separated by spaces.",
                f'Write it as "{DEFAULTS["SCOPE"] if key == "SCOPE" else "read"}".',
            )
            return
    if "openid" not in conf.scope.split():
        yield error(8, f"{name('SCOPE')} lacks 'openid'.", "Add it: nobody signs in without.")
    elif "offline_access" not in conf.scope.split():
        yield warning(
            1,
            f"{name('SCOPE')} lacks 'offline_access'.",
            "Add it, or visitors go through the instance again whenever a token expires.",
        )


def _values(value: dict[str, Any]) -> Iterator[CheckMessage]:
    algorithms = conf.get("SIGNING_ALGORITHMS")
    if not _are_names(algorithms) or not algorithms or not {*algorithms} <= ASYMMETRIC_ALGORITHMS:
        yield error(
            9,
            f"{name('SIGNING_ALGORITHMS')} must list asymmetric algorithms.",
            f"Use some of: {', '.join(sorted(ASYMMETRIC_ALGORITHMS))}.",
        )
    if value.get("LINK_USERS_BY") not in (None, "username", "email"):
        yield error(10, f"{name('LINK_USERS_BY')} is unknown.", "Use 'username', 'email' or None.")
    for key in ("ALLOWED_USER_TYPES", "ADMIN_FLAGS"):
        if not _are_names(conf.get(key)):
            yield error(11, f"{name(key)} must be a list.", "Put the names in square brackets.")
        elif key == "ADMIN_FLAGS" and value.get(key, ()) is None:
            # As with every setting None is the default, and who writes it here means none of them.
            yield error(
                26,
                f"{name(key)} is None, which stands for {conf.get(key)}.",
                "Write that, or [] to leave all flags alone.",
            )
        elif key == "ADMIN_FLAGS":
            # The default is for whom it fits: a user model may do without these flags.
            yield from _unknown_flags(value.get(key) or ())
        elif NEVER_ALLOWED_USER_TYPE in conf.get(key):
            yield error(
                12,
                f"{name(key)} names {NEVER_ALLOWED_USER_TYPE}.",
                "Leave it out: such users are never let in.",
            )
        else:
            yield from _user_types(conf.get(key))
    groups = conf.user_type_groups
    if not isinstance(groups, dict) or not all(map(_are_names, [[*groups], *groups.values()])):
        yield error(
            15,
            f"{name('USER_TYPE_GROUPS')} must be a dict of lists.",
            'Write it as {"InternalUser": ["employees"]}.',
        )
    if not isinstance(conf.get("CREATE_USERS"), bool):
        yield error(
            18,
            f"{name('CREATE_USERS')} must be True or False.",
            "Text from the environment counts as true, whatever it says: compare it first.",
        )
    yield from _numbers()


def _are_names(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)


def _user_types(names: Sequence[str]) -> Iterator[CheckMessage]:
    known = (INTERNAL_USER_TYPE, EXTERNAL_USER_TYPE)
    unknown = [name for name in names if name not in known]
    if not names:
        yield warning(
            7,
            f"{name('ALLOWED_USER_TYPES')} is empty, which lets nobody in.",
            f"Name some of: {', '.join(known)}.",
        )
    elif unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1, cutoff=0.3)
        yield warning(
            8,
            f"{name('ALLOWED_USER_TYPES')} names {unknown[0]!r}, which instances do not use.",
            f"Did you mean {near[0]}?" if near else f"They use: {', '.join(known)}.",
        )


def _unknown_flags(flags: Iterable[str]) -> Iterator[CheckMessage]:
    fields = {field.name for field in get_user_model()._meta.get_fields()}
    for flag in flags:
        if flag not in fields:
            yield error(
                14,
                f"{name('ADMIN_FLAGS')} names {flag!r}, which your user model does not have.",
                'Name a field of AUTH_USER_MODEL, or set "ADMIN_FLAGS": [].',
            )


def _numbers() -> Iterator[CheckMessage]:
    least = {
        "REFRESH_MARGIN": 0,
        "CLOCK_SKEW": 0,
        "CONNECT_TIMEOUT": 0.1,
        "DEADLINE": 0.1,
        # These two are cut to whole numbers.
        "SIGN_IN_LIFETIME": 1,
        "API_MAX_BYTES": 1,
    }
    wrong = {key for key in least if not _is_number(conf.get(key), at_least=least[key])}
    for key in least:
        if key in wrong:
            yield error(
                13,
                f"{name(key)} must be a number, {least[key]} or more.",
                f"Default: {DEFAULTS[key]}.",
            )
    if "SIGN_IN_LIFETIME" not in wrong and conf.sign_in_lifetime > COOKIE_SECONDS:
        yield warning(
            4,
            f"{name('SIGN_IN_LIFETIME')} is more than {COOKIE_SECONDS} s, which has no effect.",
            f"Set it to {COOKIE_SECONDS} or less: the cookie of a sign-in lives no longer.",
        )
    if "CLOCK_SKEW" not in wrong and conf.get("CLOCK_SKEW") > MOST_SKEW_SECONDS:
        yield warning(
            5,
            f"{name('CLOCK_SKEW')} is more than {MOST_SKEW_SECONDS} s: tokens that are over "
            "pass for so long.",
            "Keep the clocks in time (NTP), and leave it at a minute or so.",
        )


def _is_number(value: object, *, at_least: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return at_least <= value < math.inf
