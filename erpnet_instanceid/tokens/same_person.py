"""Checks the ID token that a refresh brings, before anything of the answer is used."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable

from ..models import Account, SignIn
from ..oidc.access_token import access_token_claims
from ..oidc.client import Client
from ..oidc.errors import InstanceUnavailable, InvalidResponse, TokenRejected
from ..oidc.id_token import (
    Claims,
    check_refreshed_id_token,
    original_claims,
    read_stored_id_token,
)
from ..oidc.token_endpoint import Refreshed
from ..oidc.token_set import TokenSet
from ..users.accounts import is_of
from ..users.claims import merge_claims

logger = logging.getLogger("erpnet_instanceid")

OUT_OF_TIME = frozenset({"token_expired", "token_not_yet_valid"})


def with_checked_id_token(
    refreshed: Refreshed, before: TokenSet, client: Client, sign_in: SignIn
) -> TokenSet:
    """The newer tokens, their ID token checked, or without it where its key cannot be fetched.

    Raises TokenRejected where the ID token breaks a rule of Core 12.2.
    """
    newer, account = refreshed.tokens, sign_in.account
    if not newer.id_token:
        return newer
    claims_before = read_stored_id_token(before.id_token, client=client)
    original = before.original
    if original is None and claims_before is not None:
        original = original_claims(claims_before)
    assert account is not None  # noqa: S101 - told to the type checker; see lease.load

    def check(now: float) -> None:
        claims = check_refreshed_id_token(
            newer.id_token,
            client=client,
            original=original,
            access_token=newer.access_token,
            now=now,
        )
        _check_same_person(claims, claims_before or {}, newer, client, account, now)

    try:
        _check_by_either_clock(check, refreshed.told_at)
    except (InstanceUnavailable, InvalidResponse):
        pass
    except TokenRejected as error:
        if error.facts.get("looked_for") is not False:
            raise
    else:
        return dataclasses.replace(newer, original=original)
    # The key could not be fetched. We can neither ask for these tokens again nor rely on the ID
    # token, so we keep the others: they came from the token endpoint itself.
    return dataclasses.replace(newer, id_token="")


def _check_by_either_clock(check: Callable[[float], None], told_at: float | None) -> None:
    """Checks by this host's clock and, where that refuses the token's times, by the instance's.

    A host whose clock is wrong must not sign out visitors whom the site's other hosts keep.
    """
    now = time.time()
    try:
        check(now)
    except TokenRejected as error:
        if told_at is None or error.code not in OUT_OF_TIME:
            raise
        check(told_at)
        logger.error("clock_differs seconds=%d: set this host's clock", now - told_at)


def _check_same_person(
    claims: Claims,
    before: Claims,
    newer: TokenSet,
    client: Client,
    account: Account,
    now: float,
) -> None:
    # If we have the former ID token, its `sub` counts and not the account's: after a rename and a
    # sign-in in another browser, the account has the new `sub`, and this sign-in the old one.
    if claims["sub"] == before.get("sub", account.sub):
        return
    # The instance may use the new name here too. The `id` in the access token stays the same.
    told = access_token_claims(newer.access_token, client=client, subject=claims["sub"], now=now)
    if not is_of(account, merge_claims([claims, told])):
        raise TokenRejected("claim_mismatch", claim="sub")
