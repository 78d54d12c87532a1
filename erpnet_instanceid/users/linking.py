"""LINK_USERS_BY: a new person takes over a local user who was here before."""

from __future__ import annotations

import logging
from typing import Any

from django.db import router, transaction

from ..conf import conf
from ..models import Account
from .accounts import create_account
from .claims import Claims, email_address, is_true
from .profile import has_fields, is_named_by_email, takes_text

logger = logging.getLogger("erpnet_instanceid")

UserModel = Any
User = Any


def users_to_link(model: UserModel, claims: Claims) -> list[User]:
    """The local users whom this person may take over, by LINK_USERS_BY. Never linked before."""
    if conf.link_users_by is None:
        return []
    # Where the e-mail is the username, a login name that looks like one proves nothing.
    if conf.link_users_by == "username" and not is_named_by_email(model):
        return _same(model, model.USERNAME_FIELD, claims["sub"], lookup="exact")
    email = email_address(claims)
    if email is None or not is_true(claims.get("email_verified")):
        return []
    return _same(model, model.get_email_field_name(), email, lookup="iexact")


def adopt(user: User, claims: Claims) -> Account:
    """The account of a person who takes over a local user.

    The local password and the user's open sessions end: somebody may have prepared them in the
    name of this person. Raises IntegrityError where another person has taken the user over.
    """
    with transaction.atomic(using=router.db_for_write(type(user))):
        account = create_account(user, claims, adopted=user)
        if not conf.link_keeps_password:
            _end_password(user)
    password = "kept" if conf.link_keeps_password else "ended"
    by = conf.link_users_by
    logger.info(
        "user_adopted user=%s account=%s by=%s password=%s", user.pk, account.pk, by, password
    )
    return account


def _same(model: UserModel, field: str, value: str, *, lookup: str) -> list[User]:
    if not has_fields(model, field) or not takes_text(model, field):
        return []
    never_linked = model._default_manager.filter(instance_accounts=None)
    found = never_linked.filter(**{f"{field}__{lookup}": value})
    # The database may ignore more than case: an accent, a dot, the width of a letter. Two such
    # spellings may be two people.
    same = _is_same_address if lookup == "iexact" else str.__eq__
    return [user for user in found if same(getattr(user, field), value)]


def _is_same_address(one: str, other: str) -> bool:
    return _ascii_lower(one) == _ascii_lower(other)


def _ascii_lower(text: str) -> str:
    return "".join(each.lower() if each.isascii() else each for each in text)


def _end_password(user: User) -> None:
    if not has_fields(type(user), "password"):
        return
    # Django ends the sessions of a user whose password changes.
    user.set_unusable_password()
    type(user)._base_manager.filter(pk=user.pk).update(password=user.password)
