"""Checks which visitors get in, and what their Django users get. One function for each setting."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage

from ..conf import EXTERNAL_USER_TYPE, INTERNAL_USER_TYPE, NO_LOGIN, conf
from .messages import error, name, warning
from .values import are_names

USER_TYPES = (INTERNAL_USER_TYPE, EXTERNAL_USER_TYPE)
FLAGS = ("CREATE_USERS", "LINK_KEEPS_PASSWORD", "LANGUAGE_FROM_TOKEN")
RIGHTS_FROM = ("token", "profile")


def check_users(value: Mapping[str, Any]) -> Iterator[CheckMessage]:
    yield from _link_users_by()
    yield from _allowed_user_types()
    yield from _admin_flags(value)
    yield from _user_type_groups()
    yield from _flags()
    yield from _rights_from()


def _link_users_by() -> Iterator[CheckMessage]:
    if conf.get("LINK_USERS_BY") not in (None, "username", "email"):
        yield error(10, f"{name('LINK_USERS_BY')} is unknown.", "Use 'username', 'email' or None.")


def _allowed_user_types() -> Iterator[CheckMessage]:
    types = conf.get("ALLOWED_USER_TYPES")
    if not are_names(types):
        yield _not_a_list("ALLOWED_USER_TYPES")
    elif refused := [each for each in types if each.endswith(NO_LOGIN)]:
        yield error(
            12,
            f"{name('ALLOWED_USER_TYPES')} names {', '.join(refused)}.",
            "Leave it out: users of this type never get in.",
        )
    elif not types:
        yield warning(
            7,
            f"{name('ALLOWED_USER_TYPES')} is empty, so nobody can sign in.",
            f"Name one or both of: {', '.join(USER_TYPES)}.",
        )
    else:
        yield from _unknown_user_type("ALLOWED_USER_TYPES", types)


def _unknown_user_type(key: str, types: Sequence[str]) -> Iterator[CheckMessage]:
    unknown = [each for each in types if each not in USER_TYPES]
    if not unknown:
        return
    near = difflib.get_close_matches(unknown[0], USER_TYPES, n=1, cutoff=0.3)
    yield warning(
        8,
        f"{name(key)} names {unknown[0]!r}, a type of users who cannot sign in.",
        f"Did you mean {near[0]}?" if near else f"Name one or both of: {', '.join(USER_TYPES)}.",
    )


def _admin_flags(value: Mapping[str, Any]) -> Iterator[CheckMessage]:
    flags = conf.get("ADMIN_FLAGS")
    if not are_names(flags):
        yield _not_a_list("ADMIN_FLAGS")
    elif value.get("ADMIN_FLAGS", ()) is None:
        # None means the default for every setting, but here it reads like "no flags".
        yield error(
            26,
            f"{name('ADMIN_FLAGS')} is None, and None means the default: {flags}.",
            "Write [] to leave all flags alone, or the default itself.",
        )
    elif "ADMIN_FLAGS" in value:
        # The default is not checked: a user model may lack these flags.
        yield from _unknown_flags(flags)


def _unknown_flags(flags: Sequence[str]) -> Iterator[CheckMessage]:
    fields = {field.name for field in get_user_model()._meta.get_fields()}
    for flag in flags:
        if flag not in fields:
            yield error(
                14,
                f"{name('ADMIN_FLAGS')} names {flag!r}, a field that your user model lacks.",
                'Name a field of AUTH_USER_MODEL, or set "ADMIN_FLAGS": [].',
            )


def _user_type_groups() -> Iterator[CheckMessage]:
    groups = conf.get("USER_TYPE_GROUPS")
    if not isinstance(groups, dict) or not all(map(are_names, [[*groups], *groups.values()])):
        yield error(
            15,
            f"{name('USER_TYPE_GROUPS')} must be a dict of lists.",
            'Write it as {"InternalUser": ["employees"]}.',
        )
        return
    yield from _unknown_user_type("USER_TYPE_GROUPS", [*groups])


def _flags() -> Iterator[CheckMessage]:
    for key in FLAGS:
        if not isinstance(conf.get(key), bool):
            yield error(
                18,
                f"{name(key)} must be True or False.",
                "Text from the environment counts as true, even 'False': compare it with a text "
                "first.",
            )


def _rights_from() -> Iterator[CheckMessage]:
    if conf.get("RIGHTS_FROM") not in RIGHTS_FROM:
        yield error(35, f"{name('RIGHTS_FROM')} is unknown.", "Use 'token' or 'profile'.")


def _not_a_list(key: str) -> CheckMessage:
    return error(11, f"{name(key)} must be a list.", "Put the names in square brackets.")
