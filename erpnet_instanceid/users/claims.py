"""What the claims of a visitor say, whichever token they came in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from ..oidc.id_token import is_subject

Claims = Mapping[str, Any]


def merge_claims(sources: Iterable[Claims]) -> dict[str, Any]:
    """The claims of several sources, the first one that has a claim telling it.

    Only what gives rights is treated otherwise: an administrator is who is one in every source
    that says anything of it, and sources that tell different user types tell none. Whether the
    e-mail is verified, only the source that it comes from can say.
    """
    merged: dict[str, Any] = {}
    admin: list[bool] = []
    user_types = set()
    for source in sources:
        if "email" in source and "email" not in merged:
            merged.pop("email_verified", None)
        elif "email" in merged:
            source = {name: source[name] for name in source if name != "email_verified"}
        for name, value in source.items():
            merged.setdefault(name, value)
        if "is_admin" in source:
            admin.append(is_true(source["is_admin"]))
        if "user_type" in source:
            user_types.add(str(source["user_type"]))
    if admin:
        merged["is_admin"] = all(admin)
    if len(user_types) > 1:
        del merged["user_type"]
    return merged


def is_true(value: object) -> bool:
    """Whether a claim says yes: JSON ``true``, or the word in any case, as .NET writes it."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def account_key(claims: Claims) -> tuple[str, str]:
    """What stands for the person, and what kind it is: ``id``, which a rename does not change,
    else ``sub``."""
    key = claims.get("id")
    if is_subject(key):
        return "id", str(key)
    return "sub", claims["sub"]


def text(value: object) -> str | None:
    """The claim without blanks around it; None where there is nothing in it to show."""
    if isinstance(value, str) and value.isprintable() and value.strip():
        return value.strip()
    return None


def email_address(claims: Claims) -> str | None:
    """The e-mail address, whether verified or not; None where it is none."""
    email = text(claims.get("email"))
    if email is None:
        return None
    try:
        validate_email(email)
    except ValidationError:
        return None
    return email
