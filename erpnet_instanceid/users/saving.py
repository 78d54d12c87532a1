"""Saves a user in one statement. A value that the database cannot hold is left out, and logged."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, router, transaction

from ..oidc.errors import SignInDenied
from .profile import has_fields
from .refusals import constraint, is_about_a_value, may_be_taken, refused_fields

logger = logging.getLogger("erpnet_instanceid")

UserModel = Any
User = Any
Values = Mapping[str, Any]


def create(model: UserModel, usernames: Sequence[str], values: Values) -> User:
    """A new user, complete at the first save, called by the first of ``usernames`` that is free.

    Raises IntegrityError where another user is in the way, and SignInDenied where the user model
    needs more than ``values``.
    """
    (name, *others), kept = usernames, dict(values)
    while True:
        try:
            return _insert(model, {**kept, model.USERNAME_FIELD: name})
        except (DatabaseError, ValidationError) as error:
            refused = refused_fields(error, kept)
            if refused:
                kept = _left(kept, refused, error)
            elif others and _is_refusal(error):
                # Taken, too long, or not what the model takes for a name.
                name, *others = others
            else:
                _give_up(error)
        except (TypeError, ValueError) as error:
            # A manager may demand something in its own words, for example an e-mail address.
            reason = f"{type(error).__name__}: {error}"
            raise SignInDenied("user_not_saved", reason=reason) from error


def update(user: User, values: Values) -> None:
    """Sets ``values`` on a known user, and saves what has changed.

    Saves the flags even if the database refuses other fields: a flag may take a right away.
    """
    before = {name: getattr(user, name) for name in values}
    kept = _changed(values, before)
    while kept:
        try:
            _save(user, kept)
            return
        except (DatabaseError, ValidationError) as error:
            refused = _in_the_way(error, user, kept)
            if not refused:
                raise
            _set(user, before)
            if refused == kept.keys():
                _save_flags(user, kept)
            kept = _changed(_left(kept, refused, error), before)


def _insert(model: UserModel, values: Values) -> User:
    with transaction.atomic(using=router.db_for_write(model)):
        create_user = getattr(model._default_manager, "create_user", None)
        arguments = _arguments(create_user, model, values) if create_user else None
        if create_user is not None and arguments is not None:
            return create_user(**arguments)
        user = model(**values)
        if has_fields(model, "password"):
            user.set_unusable_password()
        user.save()
        return user


def _arguments(
    create_user: Callable[..., User], model: UserModel, values: Values
) -> dict[str, Any] | None:
    """Arguments for the manager's ``create_user``; None where it does not take all values."""
    signature = inspect.signature(create_user)
    arguments = dict(values)
    if not any(each.kind is each.VAR_KEYWORD for each in signature.parameters.values()):
        arguments = {
            name: value
            for name, value in values.items()
            if name in signature.parameters or value != model._meta.get_field(name).get_default()
        }
    if "password" in signature.parameters:
        arguments["password"] = None
    try:
        signature.bind(**arguments)
    except TypeError:
        return None
    return arguments


def _save(user: User, values: Values) -> None:
    _set(user, values)
    with transaction.atomic(using=router.db_for_write(type(user))):
        user.save(update_fields=list(values))


def _save_flags(user: User, values: Values) -> None:
    flags = {name: value for name, value in values.items() if isinstance(value, bool)}
    if flags:
        _set(user, flags)
        type(user)._base_manager.filter(pk=user.pk).update(**flags)


def _set(user: User, values: Values) -> None:
    for name, value in values.items():
        setattr(user, name, value)


def _in_the_way(error: Exception, user: User, kept: Values) -> set[str]:
    refused = refused_fields(error, kept)
    if refused or not isinstance(error, IntegrityError | ValidationError):
        return refused
    # Another user has the e-mail. Or the database refuses a field that no claim has changed: then
    # this user cannot be saved at all.
    email = {type(user).get_email_field_name()} & kept.keys()
    return email or set(kept)


def _changed(values: Values, before: Values) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value != before[name]}


def _left(values: Values, refused: set[str], error: Exception) -> dict[str, Any]:
    """``values`` without those that are refused, or with what may be accepted of them."""
    logger.warning("value_left_out fields=%s constraint=%s", sorted(refused), constraint(error))
    narrowed = {name: _narrowed(values[name]) for name in refused}
    return {
        name: narrowed.get(name, value)
        for name, value in values.items()
        if name not in refused or narrowed[name] not in ("", value)
    }


def _narrowed(value: Any) -> Any:
    # MySQL's older utf8 has three bytes for a character: none of an emoji, nor of rare letters.
    if not isinstance(value, str):
        return value
    return " ".join("".join(each for each in value if each <= "\uffff").split())


def _give_up(error: Exception) -> None:
    if isinstance(error, IntegrityError) and may_be_taken(error):
        raise error
    if isinstance(error, ValidationError) and may_be_taken(error):
        raise IntegrityError(f"constraint '{constraint(error)}'") from error
    if _is_refusal(error):
        raise SignInDenied("user_not_saved", constraint=constraint(error)) from error
    raise error


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, ValidationError | IntegrityError) or is_about_a_value(error)
