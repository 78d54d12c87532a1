"""The ID token that a refresh brings: checked before anything of the answer is used."""

from __future__ import annotations

import dataclasses
import time

from ..models import Account, SignIn
from ..oidc.access_token import access_token_claims
from ..oidc.client import Client
from ..oidc.errors import InstanceUnavailable, InvalidResponse, TokenRejected
from ..oidc.id_token import NO_NONCE, Claims, check_id_token, subject_of
from ..oidc.token_set import TokenSet
from ..users.accounts import is_of
from ..users.claims import merge_claims


def with_checked_id_token(
    newer: TokenSet, before: TokenSet, client: Client, sign_in: SignIn
) -> TokenSet:
    """``newer``, without its ID token where the key of that cannot be had. Core 12.2.

    Raises TokenRejected where the ID token is forged, out of date or somebody else's.
    """
    if not newer.id_token:
        return newer
    assert sign_in.account is not None  # noqa: S101 - told to the type checker; see lease.load
    try:
        claims = check_id_token(
            newer.id_token,
            client=client,
            nonce=NO_NONCE,
            access_token=newer.access_token,
            now=time.time(),
        )
        _check_same_person(claims, newer, before, client, sign_in.account)
    except (InstanceUnavailable, InvalidResponse):
        pass
    except TokenRejected as error:
        if error.facts.get("looked_for") is not False:
            raise
    else:
        return newer
    # Its key could not be fetched. It came from the token endpoint itself, and what it came with
    # cannot be had twice: that is kept, and the unchecked ID token is not.
    return dataclasses.replace(newer, id_token="")


def _check_same_person(
    claims: Claims, newer: TokenSet, before: TokenSet, client: Client, account: Account
) -> None:
    # The `sub` of the ID token before, which the account may not have any more: somebody renamed
    # has signed in elsewhere by their new name.
    if claims["sub"] == (subject_of(before.id_token, client=client) or account.sub):
        return
    # The instance may take up the new name here as well. Its `id`, in the access token, stays.
    told = access_token_claims(
        newer.access_token, client=client, subject=claims["sub"], now=time.time()
    )
    if not is_of(account, merge_claims([claims, told])):
        raise TokenRejected("claim_mismatch", claim="sub")
