"""Checks whether this app can create users of the site's user model."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage
from django.db.models import Field

from ..backends import InstanceIDBackend
from ..conf import conf
from ..users.profile import filled_fields, has_fields
from .classes import imported, is_a
from .messages import error, name, warning
from .values import are_names


def check_user_model() -> Iterator[CheckMessage]:
    yield from _not_filled()
    yield from _without_groups()
    yield from _without_email()


def _not_filled() -> Iterator[CheckMessage]:
    model = get_user_model()
    missing = sorted(_demanded(model) - filled_fields(model))
    if missing and conf.create_users and not _creates_users_itself():
        yield warning(
            12,
            f"Your user model demands {', '.join(missing)}. No claim of the instance fills that, "
            "so a new visitor gets no user.",
            "Give it a default, or override create_user() in a subclass of InstanceIDBackend.",
        )


def _without_groups() -> Iterator[CheckMessage]:
    if conf.user_type_groups and not has_fields(get_user_model(), "groups"):
        yield error(
            27,
            f"{name('USER_TYPE_GROUPS')} is set, and your user model has no groups.",
            "Add django.contrib.auth.models.PermissionsMixin to your user model, or remove the "
            "setting.",
        )


def _without_email() -> Iterator[CheckMessage]:
    model = get_user_model()
    if conf.link_users_by == "email" and not has_fields(model, model.get_email_field_name()):
        yield error(
            36,
            f"{name('LINK_USERS_BY')} is 'email', and your user model has no e-mail field.",
            "Use 'username' or None, or name the field in EMAIL_FIELD of your user model.",
        )


def _demanded(model: Any) -> set[str]:
    required = {field for field in model.REQUIRED_FIELDS if not _may_be_empty(model, field)}
    columns = {field.name for field in model._meta.concrete_fields if _has_no_value(field)}
    return required | columns | _parameters(model._default_manager)


def _may_be_empty(model: Any, name: str) -> bool:
    field = model._meta.get_field(name)
    return bool(field.null or field.blank or field.has_default())


def _has_no_value(field: Field[Any, Any]) -> bool:
    is_set_by_itself = (
        field.primary_key
        or getattr(field, "auto_now", False)
        or getattr(field, "auto_now_add", False)
        or getattr(field, "generated", False)
    )
    return not field.null and not is_set_by_itself and field.get_default() is None


def _parameters(manager: Any) -> set[str]:
    create_user = getattr(manager, "create_user", None)
    if create_user is None:
        return set()
    return {
        each.name
        for each in inspect.signature(create_user).parameters.values()
        if each.default is each.empty and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
    }


def _creates_users_itself() -> bool:
    backends = settings.AUTHENTICATION_BACKENDS
    return are_names(backends) and any(
        is_a(path, InstanceIDBackend)
        and any(
            getattr(imported(path), method) is not getattr(InstanceIDBackend, method)
            for method in ("create_user", "get_username")
        )
        for path in backends
    )
