"""Reads the claims about a visitor, from whichever token they came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from ..oidc.id_token import is_subject

Claims = Mapping[str, Any]


def merge_claims(sources: Iterable[Claims]) -> dict[str, Any]:
    """One set of claims out of several sources.

    The first source that has a claim wins, except for claims that grant rights: is_admin must be
    true in every source that has it, and user types that differ count as none. email_verified
    counts only in the source that the e-mail comes from.
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
    """Whether a claim is true: JSON ``true``, or the word in any case, as .NET writes it."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def account_key(claims: Claims) -> tuple[str, str]:
    """The claim that identifies the person, as its name and its value.

    ``id``, which stays when the login is renamed; else ``sub``.
    """
    key = claims.get("id")
    if is_subject(key):
        return "id", str(key)
    return "sub", claims["sub"]


def text(value: object) -> str | None:
    """The claim without the blanks around it; None where it is not text, or is empty."""
    if isinstance(value, str) and value.isprintable() and value.strip():
        return value.strip()
    return None


def email_address(claims: Claims) -> str | None:
    """The e-mail address, verified or not; None where the claim is not an address."""
    email = text(claims.get("email"))
    if email is None:
        return None
    try:
        validate_email(email)
    except ValidationError:
        return None
    return email
