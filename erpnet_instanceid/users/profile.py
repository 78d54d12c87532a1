"""A user's fields as the claims tell them: username, name, e-mail, flags and groups.

A field that the site's user model does not have is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.base_user import BaseUserManager
from django.core.exceptions import FieldDoesNotExist, ValidationError

from ..conf import conf
from .claims import Claims, account_key, email_address, is_true, text

UserModel = Any
User = Any

MAX_NAME_CHARACTERS = 150
# The instance tells these of everybody: a field of that name in REQUIRED_FIELDS gets the value.
TOLD = {"db", "locale", "user_type"}


def usernames(model: UserModel, claims: Claims) -> list[str]:
    """The usernames that this person may get, the best one first.

    Where the e-mail is the username, only the verified e-mail; empty without one.
    """
    if not is_named_by_email(model):
        return _login_names(claims)
    email = email_address(claims)
    is_verified = email is not None and is_true(claims.get("email_verified"))
    return [BaseUserManager.normalize_email(email)] if is_verified else []


def free_name(model: UserModel, names: Sequence[str], field: str) -> str:
    """The first of ``names`` that is free in this field of the user model, else the last one."""
    *preferred, last = names
    return next((name for name in preferred if _is_free(model, name, field)), last)


def _is_free(model: UserModel, name: str, field: str) -> bool:
    if len(name) > _length(model, field) or model.normalize_username(name) != name:
        return False
    if not takes_text(model, field):
        return False
    # Also the users whom the site's default manager hides, such as deleted ones.
    return not model._base_manager.filter(**{field: name}).exists()


def takes_text(model: UserModel, field: str) -> bool:
    """Whether a name can be stored in this field: a number cannot hold one."""
    try:
        model._meta.get_field(field).to_python("name")
    except ValidationError:
        return False
    return True


def first_profile(model: UserModel, claims: Claims) -> dict[str, Any]:
    """A new user's fields besides the username: the profile, and REQUIRED_FIELDS that the claims
    fill."""
    values = {**_required(model, claims), **profile(model, claims)}
    if is_named_by_email(model):
        values.pop(model.USERNAME_FIELD, None)
        if has_fields(model, "username"):
            values["username"] = free_name(model, _login_names(claims), "username")
    return values


def filled_fields(model: UserModel) -> set[str]:
    """The fields of a new user that this app fills, where the claims are complete."""
    names = ("first_name", "last_name") if _has_two_names(model) else ("name",)
    username = model.USERNAME_FIELD
    return {
        *([username] if takes_text(model, username) else []),
        model.get_email_field_name(),
        "username",
        "password",
        *names,
        *(TOLD & set(model.REQUIRED_FIELDS)),
    }


def profile(model: UserModel, claims: Claims, user: User | None = None) -> dict[str, Any]:
    """Name, e-mail and flags, by field of the user model. A missing claim sets nothing.

    ``user`` is the user who has the fields now, None for a new one.
    """
    return {**_names(model, claims), **_email(model, claims, user), **_flags(model, claims)}


def set_groups(user: User, claims: Claims) -> None:
    """Puts the user into the groups of their user type, and takes them out of the other groups
    that USER_TYPE_GROUPS names."""
    named, user_type = conf.user_type_groups, claims.get("user_type")
    if not named or user_type is None or not has_fields(type(user), "groups"):
        return
    managed = {name for names in named.values() for name in names}
    wanted = set(named.get(user_type, ()))
    present = set(user.groups.filter(name__in=managed).values_list("name", flat=True))
    # A site may have a model of its own for groups.
    groups = user.groups.model._default_manager
    for name in wanted - present:
        user.groups.add(groups.get_or_create(name=name)[0])
    if present - wanted:
        user.groups.remove(*groups.filter(name__in=present - wanted))


def has_fields(model: UserModel, *names: str) -> bool:
    """Whether the user model has all of these fields."""
    try:
        return all(model._meta.get_field(name) for name in names)
    except FieldDoesNotExist:
        return False


def is_named_by_email(model: UserModel) -> bool:
    """Whether the e-mail is the username."""
    return bool(model.get_email_field_name() == model.USERNAME_FIELD)


def _login_names(claims: Claims) -> list[str]:
    # The last one is made of a hash, so that it fits any field and nobody else has it.
    sub, (_, key) = claims["sub"], account_key(claims)
    digest = hashlib.sha256(f"{claims['iss']}{key}".encode()).hexdigest()
    return [sub, f"{sub}@{conf.instance_host}", f"instanceid-{digest[:16]}"]


def _required(model: UserModel, claims: Claims) -> dict[str, str]:
    told = {name: text(claims.get(name)) for name in model.REQUIRED_FIELDS}
    return {
        name: value
        for name, value in told.items()
        if value is not None and has_fields(model, name) and len(value) <= _length(model, name)
    }


def _names(model: UserModel, claims: Claims) -> dict[str, str]:
    name = text(claims.get("name"))
    if name is None:
        return {}
    if _has_two_names(model):
        first, _, last = name.partition(" ")
        names = {"first_name": first, "last_name": last}
    else:
        names = {"name": name} if has_fields(model, "name") else {}
    return {field: value[: _length(model, field)] for field, value in names.items()}


def _has_two_names(model: UserModel) -> bool:
    return has_fields(model, "first_name", "last_name")


def _email(model: UserModel, claims: Claims, user: User | None) -> dict[str, str]:
    field = model.get_email_field_name()
    # Where the e-mail is the username, the site knows the user by it: a claim does not change it.
    if is_named_by_email(model) or not has_fields(model, field):
        return {}
    email = email_address(claims, known=getattr(user, field, None))
    if email is None:
        return {}
    # An address that is too long is left out: half of it would be somebody else's.
    longest = model._meta.get_field(field).max_length
    is_short = longest is None or len(email) <= longest
    return {field: BaseUserManager.normalize_email(email)} if is_short else {}


def _flags(model: UserModel, claims: Claims) -> dict[str, bool]:
    if "is_admin" not in claims:
        return {}
    is_admin = is_true(claims["is_admin"])
    return {flag: is_admin for flag in conf.admin_flags if has_fields(model, flag)}


def _length(model: UserModel, field: str) -> int:
    return int(model._meta.get_field(field).max_length or MAX_NAME_CHARACTERS)
