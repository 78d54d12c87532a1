"""Carries accounts over to the configured instance, which had another address before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import router, transaction
from django.utils import timezone

from ..conf import conf
from ..models import Account, SignIn
from ..tokens.endings import end_all_of
from ..users.accounts import fingerprint_at, is_kept_by_sub


@dataclass(frozen=True)
class Carried:
    """An account to carry over. ``second`` is the one that the person got at the new address."""

    account: Account
    second: Account | None


@dataclass(frozen=True)
class Move:
    """The changes that a move will make."""

    issuer: str
    to: str
    carried: list[Carried]
    open_sign_ins: int

    def seconds(self) -> list[Account]:
        return [each.second for each in self.carried if each.second is not None]


def known_issuers() -> list[str]:
    """The issuers that accounts of this site are of."""
    return sorted(set(Account.objects.values_list("issuer", flat=True)))


def plan(issuer: str) -> Move:
    """Plans to move the accounts of ``issuer`` to the configured instance."""
    to = conf.issuer
    # The database may ignore case; issuers are compared letter by letter.
    old, new = _accounts_of(issuer), _accounts_of(to)
    carried = list(_pairs(old, new, to))
    pks = [each.pk for pair in carried for each in (pair.account, pair.second) if each]
    open_sign_ins = SignIn.objects.filter(account__in=pks, ended=None).count()
    return Move(issuer, to, carried, open_sign_ins)


def carry_out(move: Move) -> None:
    """Does what `plan` said, and ends the open sign-ins of all these people."""
    with transaction.atomic(using=router.db_for_write(Account)):
        for carried in move.carried:
            _carry(carried, move.to)


def _carry(carried: Carried, to: str) -> None:
    account, second = carried.account, carried.second
    end_all_of(account, "moved")
    values: dict[str, Any] = {"fingerprint": fingerprint_at(to, account)}
    if second is not None:
        end_all_of(second, "moved")
        if not is_kept_by_sub(second):
            values = {"fingerprint": second.fingerprint, "key": second.key}
        second.delete()
    Account.objects.filter(pk=account.pk).update(issuer=to, changed=timezone.now(), **values)


def _accounts_of(issuer: str) -> list[Account]:
    found = Account.objects.select_related("user").filter(issuer=issuer).order_by("pk")
    return [account for account in found if account.issuer == issuer]


def _pairs(old: Iterable[Account], new: Iterable[Account], to: str) -> Iterator[Carried]:
    left = {account.fingerprint: account for account in new}
    same = {account.pk: left.pop(fingerprint_at(to, account), None) for account in old}
    for account in old:
        second = same[account.pk] or _namesake(account, left)
        if second is not None:
            left.pop(second.fingerprint, None)
        yield Carried(account, second)


def _namesake(account: Account, left: dict[str, Account]) -> Account | None:
    # Where one of the two has no `id`, the login name tells that they are the same person.
    for other in left.values():
        lacks_id = is_kept_by_sub(account) != is_kept_by_sub(other)
        if lacks_id and other.sub == account.sub:
            return other
    return None
