"""The account of a person: which user of the site somebody of an instance is."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from ..models import Account, fingerprint
from .claims import Claims, account_key, is_true


def find_account(claims: Claims) -> Account | None:
    """The account of the person these claims are about, its user loaded with it."""
    try:
        return Account.objects.select_related("user").get(fingerprint=_fingerprint(claims))
    except Account.DoesNotExist:
        return None


def account_of(user: Any, claims: Claims) -> Account | None:
    """The account by which this user has just signed in, ``claims`` being the ID token's."""
    account: Account | None = getattr(user, "instance_account", None)
    if account is not None:
        return account
    # A site's own backend may hand out another object than the one that was linked. The account
    # may be kept by an `id` that only the access token has, and has been told of the `sub`.
    own = Account.objects.filter(user=user, issuer=claims["iss"], sub=claims["sub"])
    return own.order_by("-changed").first()


def is_of(account: Account, claims: Claims) -> bool:
    """Whether these claims are about the person whose account it is."""
    return account.fingerprint == _fingerprint(claims)


def create_account(user: Any, claims: Claims) -> Account:
    """A new account. Raises IntegrityError where the person has one."""
    return Account.objects.create(
        fingerprint=_fingerprint(claims), user=user, **_account_values(claims)
    )


def link_account(user: Any, claims: Claims) -> None:
    """Links the user with the person, or brings what is noted of the person up to date."""
    account: Account | None = getattr(user, "instance_account", None)
    values = _account_values(claims)
    if account is None:
        user.instance_account, _ = Account.objects.update_or_create(
            fingerprint=_fingerprint(claims), defaults={**values, "user": user}
        )
        return
    if "is_admin" not in claims:
        del values["is_admin"]
    changed = [name for name, value in values.items() if getattr(account, name) != value]
    if changed:
        for name in changed:
            setattr(account, name, values[name])
        account.changed = timezone.now()
        account.save(update_fields=[*changed, "changed"])


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
