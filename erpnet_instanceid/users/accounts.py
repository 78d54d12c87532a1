"""The account of a person: it says which user of this site a person of an instance is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from ..models import Account, fingerprint
from .claims import Claims, account_key, is_true


@dataclass(frozen=True)
class Person:
    """A user of this site, and the account by which they signed in."""

    user: Any
    account: Account


def find_account(claims: Claims) -> Account | None:
    """The account of the person whom these claims describe, with its user. One query."""
    try:
        return Account.objects.select_related("user").get(fingerprint=_fingerprint(claims))
    except Account.DoesNotExist:
        return None


def is_of(account: Account, claims: Claims) -> bool:
    """Whether these claims describe the person whose account this is."""
    return account.fingerprint == _fingerprint(claims)


def create_account(user: Any, claims: Claims) -> Account:
    """A new account for ``user``. Raises IntegrityError where the person has one already."""
    return Account.objects.create(
        fingerprint=_fingerprint(claims), user=user, **_account_values(claims)
    )


def link(user: Any, claims: Claims, account: Account | None) -> Account:
    """The person's account, linked to ``user`` and with the facts of ``claims``.

    ``account`` is what `find_account` found. Writes only what has changed.
    """
    values = {**_account_values(claims), "user_id": user.pk}
    if account is None:
        account, _ = Account.objects.update_or_create(
            fingerprint=_fingerprint(claims), defaults=values
        )
        return account
    if "is_admin" not in claims:
        del values["is_admin"]
    changed = [name for name, value in values.items() if getattr(account, name) != value]
    if changed:
        for name in changed:
            setattr(account, name, values[name])
        account.changed = timezone.now()
        account.save(update_fields=[*changed, "changed"])
    return account


def _fingerprint(claims: Claims) -> str:
    kind, key = account_key(claims)
    return fingerprint(claims["iss"], kind, key)


def _account_values(claims: Claims) -> dict[str, Any]:
    return {
        "issuer": claims["iss"],
        "key": account_key(claims)[1],
        "sub": claims["sub"],
        "user_type": claims["user_type"],
        "is_admin": is_true(claims.get("is_admin")),
    }
