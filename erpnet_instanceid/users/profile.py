"""What the claims say a user should look like: username, name, e-mail, flags and groups.

A field that the site's user model does not have is left out.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import FieldDoesNotExist

from ..conf import conf
from .claims import Claims, account_key, email_address, is_true, text

UserModel = Any
User = Any

MAX_NAME_CHARACTERS = 150


def usernames(claims: Claims) -> list[str]:
    """The usernames that this person may get, the best one first.

    The last one is made of a hash, so that it fits any field and nobody else has it.
    """
    sub, (_, key) = claims["sub"], account_key(claims)
    digest = hashlib.sha256(f"{claims['iss']}{key}".encode()).hexdigest()
    return [sub, f"{sub}@{conf.instance_host}", f"instanceid-{digest[:16]}"]


def is_free(model: UserModel, name: str) -> bool:
    """Whether a new user can be called ``name``: it fits the field, and no user has it."""
    field = model.USERNAME_FIELD
    if len(name) > _length(model, field) or model.normalize_username(name) != name:
        return False
    return not model._default_manager.filter(**{field: name}).exists()


def profile(model: UserModel, claims: Claims) -> dict[str, Any]:
    """Name, e-mail and flags, by field of the user model. A missing claim sets nothing."""
    return {**_names(model, claims), **_email(model, claims), **_flags(model, claims)}


def set_groups(user: User, user_type: str) -> None:
    """Puts the user into the groups of their user type, and takes them out of the other groups
    that USER_TYPE_GROUPS names."""
    named = conf.user_type_groups
    managed = {name for names in named.values() for name in names}
    wanted = set(named.get(user_type, ()))
    present = set(user.groups.filter(name__in=managed).values_list("name", flat=True))
    for name in wanted - present:
        user.groups.add(Group.objects.get_or_create(name=name)[0])
    if present - wanted:
        user.groups.remove(*Group.objects.filter(name__in=present - wanted))


def has_fields(model: UserModel, *names: str) -> bool:
    """Whether the user model has all of these fields."""
    try:
        return all(model._meta.get_field(name) for name in names)
    except FieldDoesNotExist:
        return False


def _names(model: UserModel, claims: Claims) -> dict[str, str]:
    name = text(claims.get("name"))
    if name is None or not has_fields(model, "first_name", "last_name"):
        return {}
    first, _, last = name.partition(" ")
    return {
        "first_name": first[: _length(model, "first_name")],
        "last_name": last[: _length(model, "last_name")],
    }


def _email(model: UserModel, claims: Claims) -> dict[str, str]:
    email, field = email_address(claims), model.get_email_field_name()
    # Where the e-mail is the username, the site knows the user by it: a claim does not change it.
    if email is None or field == model.USERNAME_FIELD or not has_fields(model, field):
        return {}
    # An address that is too long is left out: half of it would be somebody else's.
    longest = model._meta.get_field(field).max_length
    return {field: email} if longest is None or len(email) <= longest else {}


def _flags(model: UserModel, claims: Claims) -> dict[str, bool]:
    if "is_admin" not in claims:
        return {}
    is_admin = is_true(claims["is_admin"])
    return {flag: is_admin for flag in conf.admin_flags if has_fields(model, flag)}


def _length(model: UserModel, field: str) -> int:
    return int(model._meta.get_field(field).max_length or MAX_NAME_CHARACTERS)
