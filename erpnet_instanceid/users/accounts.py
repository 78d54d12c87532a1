"""The account of a person: it says which user of this site a person of an instance is.

An account is kept by the person's ``id``, which a rename does not change. As long as the instance
has told no ``id``, it is kept by ``sub``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db import IntegrityError
from django.db.models import Manager, QuerySet
from django.utils import timezone

from ..models import Account, fingerprint
from ..oidc.errors import SignInDenied
from .claims import Claims, account_key, is_true


@dataclass(frozen=True)
class Person:
    """A user of this site, and the account by which they signed in.

    ``is_hidden`` tells that the user model's default manager does not show the user: the site
    has deleted the user without deleting the row, for example.
    """

    user: Any
    account: Account
    is_hidden: bool = False


def find_person(claims: Claims) -> Person | None:
    """The person whom these claims describe, None where they have no account.

    One query, if the account is kept by the ``id`` in the claims. Raises SignInDenied where the
    claims lack the ``id`` by which the account is kept.
    """
    account = _account_by_id(claims) or _account_by_login_name(claims)
    if account is None:
        return None
    return Person(account.user, account, is_hidden=is_hidden(account.user))


def is_of(account: Account, claims: Claims) -> bool:
    """Whether these claims describe the person whose account this is."""
    return account.fingerprint == fingerprint(claims["iss"], *account_key(claims))


def is_kept_by_sub(account: Account) -> bool:
    """Whether the instance has told no ``id`` of the account's person yet."""
    return account.fingerprint == fingerprint(account.issuer, "sub", account.sub)


def fingerprint_at(issuer: str, account: Account) -> str:
    """The fingerprint that the account has at an instance with this issuer."""
    return fingerprint(issuer, "sub" if is_kept_by_sub(account) else "id", account.key)


def is_of_another(account: Account, claims: Claims) -> bool:
    """Whether these claims have another person's ``id``. Unknown while the account has none."""
    return "id" in claims and not is_kept_by_sub(account) and not is_of(account, claims)


def create_account(user: Any, claims: Claims, *, adopted: Any = None) -> Account:
    """A new account for ``user``. Raises IntegrityError where the person has one already.

    ``adopted`` is the user too, if the person takes over a local one: once only.
    """
    return Account.objects.create(user=user, adopted=adopted, **_account_values(claims))


def link(user: Any, claims: Claims, account: Account | None) -> Account:
    """The person's account, linked to ``user`` and with the facts of ``claims``.

    ``account`` is the one that `find_person` found. Writes only what has changed. Raises
    IntegrityError where another sign-in has given the account to another person by now.
    """
    values = {**_account_values(claims), "user_id": user.pk}
    if account is None:
        account, _ = Account.objects.update_or_create(
            fingerprint=values.pop("fingerprint"), defaults=values
        )
        return account
    if "is_admin" not in claims:
        del values["is_admin"]
    _save_changed(account, values)
    return account


def note_rights(account: Account, claims: Claims) -> None:
    """Puts user type and administrator of ``claims`` on the account, as far as they are there."""
    values = {name: claims[name] for name in ("user_type", "is_admin") if name in claims}
    if "is_admin" in values:
        values["is_admin"] = is_true(values["is_admin"])
    _save_changed(account, values)


def is_hidden(user: Any) -> bool:
    """Whether the user model's default manager does not show this user."""
    manager = get_user_model()._default_manager
    # Most managers show every user. There is no need to ask the database then.
    if type(manager).get_queryset is Manager.get_queryset:
        return False
    return not manager.using(user._state.db).filter(pk=user.pk).exists()


def _save_changed(account: Account, values: dict[str, Any]) -> None:
    changed = {name: value for name, value in values.items() if getattr(account, name) != value}
    if not changed:
        return
    changed["changed"] = timezone.now()
    rows = Account.objects.filter(pk=account.pk, fingerprint=account.fingerprint)
    if not rows.update(**changed):
        raise IntegrityError("the account has changed meanwhile")
    for name, value in changed.items():
        setattr(account, name, value)


def _account_by_id(claims: Claims) -> Account | None:
    kind, key = account_key(claims)
    if kind == "sub":
        return None
    # Not by first(), which takes the time to put in order what is one row at most.
    return next(iter(_accounts(fingerprint=fingerprint(claims["iss"], kind, key))), None)


def _account_by_login_name(claims: Claims) -> Account | None:
    # The database may ignore case or accents; a login name does not.
    namesakes = [
        account
        for account in _accounts(issuer=claims["iss"], sub=claims["sub"])
        if (account.issuer, account.sub) == (claims["iss"], claims["sub"])
    ]
    kind, _ = account_key(claims)
    if all(is_kept_by_sub(account) for account in namesakes):
        # The first `id` that comes with this `sub` belongs to the account that was kept by it.
        return namesakes[0] if namesakes else None
    if kind == "sub":
        # The login name alone does not tell: it may have been given to somebody else.
        raise SignInDenied("identity_incomplete", sub=claims["sub"], missing="id")
    return None


def _accounts(**values: str) -> QuerySet[Account]:
    # The join last: Django copies what is to be joined at each step.
    return Account.objects.filter(**values).select_related("user")


def _account_values(claims: Claims) -> dict[str, Any]:
    kind, key = account_key(claims)
    return {
        "fingerprint": fingerprint(claims["iss"], kind, key),
        "issuer": claims["iss"],
        "key": key,
        "sub": claims["sub"],
        "user_type": claims["user_type"],
        "is_admin": is_true(claims.get("is_admin")),
    }
