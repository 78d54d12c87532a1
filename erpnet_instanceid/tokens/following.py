"""After a renewal: the user's rights follow what the instance says now."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from uuid import UUID

from django.db import Error as DatabaseFailure

from ..conf import conf
from ..conflicts import tried_again
from ..models import SignIn
from ..oidc.access_token import access_token_claims
from ..oidc.errors import InstanceIDError, SignInDenied, SignInExpired
from ..oidc.id_token import Claims, read_stored_id_token
from ..oidc.pool import deadline
from ..oidc.token_set import TokenSet
from ..once import once
from ..users import rights
from .connections import Caller
from .endings import end_all_of

logger = logging.getLogger("erpnet_instanceid")

# For how many renewals a process updates the users' rights in the background at the same time.
THREADS = 2


def asks_the_instance() -> bool:
    """Whether `claims_of` calls the instance."""
    return rights.has_source()


def claims_of(sign_in: SignIn, tokens: TokenSet, seconds: float) -> Claims:
    """The claims of the new access token, and those of the source that RIGHTS_FROM names.

    Uses no database. Waits for the instance for that many ``seconds``, keys included. Empty if the
    token cannot be checked: then nothing changes.
    """
    with deadline(seconds):
        return _claims_of(sign_in, tokens)


def _claims_of(sign_in: SignIn, tokens: TokenSet) -> Claims:
    assert sign_in.account is not None  # noqa: S101 - told to the type checker; see lease.load
    client = conf.client
    # Not the account's `sub`: after a rename, the tokens of this sign-in may have the former one.
    id_token = read_stored_id_token(tokens.id_token, client=client) or {}
    subject = id_token.get("sub", sign_in.account.sub)
    told = access_token_claims(tokens.access_token, client=client, subject=subject, now=time.time())
    if not asks_the_instance():
        return told
    # The token may carry old claims, so alone it gives no right back.
    told = rights.without_grants(told)
    try:
        return {**told, **rights.told_now(tokens.access_token)}
    except InstanceIDError as error:
        logger.warning("rights_not_asked error=%s sign_in=%s", error, sign_in.pk)
        return told


def follow(sign_in: SignIn, claims: Claims) -> None:
    """Applies the claims to the person's user.

    Raises SignInExpired where the person may not use this site any more. Every sign-in of theirs
    has ended then.
    """
    account = sign_in.account
    assert account is not None  # noqa: S101 - told to the type checker; see lease.load
    # After a rename, this sign-in may still have the former `sub`; the account has the new one.
    told = {name: value for name, value in claims.items() if name != "sub"}
    try:
        tried_again(partial(rights.follow, account, told))
    except SignInDenied as error:
        logger.info("rights_withdrawn error=%s account=%s", error, account.pk)
        try:
            end_all_of(account, error.code)
        except DatabaseFailure as failure:
            # This browser is signed out all the same; the next renewal signs out each other one.
            cause = type(failure).__name__
            logger.warning("sign_in_not_ended sign_in=%s error=%s", sign_in.pk, cause)
        raise SignInExpired(error.code, sign_in=str(sign_in.pk)) from None
    except Exception as error:  # noqa: BLE001 - a site's own method or its database failed
        # The tokens are stored, and the next renewal tries again.
        kind = type(error).__name__
        logger.error("rights_not_followed error=%s account=%s", kind, account.pk)


def follow_in_background(sign_in_id: str | UUID, tokens: TokenSet) -> None:
    """As `claims_of` and `follow`, in a thread of its own: the caller can wait for neither the
    instance nor a lock on the user's row."""
    _threads().submit(Caller().run, _follow_late, sign_in_id, tokens)


def _follow_late(sign_in_id: str | UUID, tokens: TokenSet) -> None:
    sign_in = SignIn.objects.open(sign_in_id)
    if sign_in is None or sign_in.account is None:
        return
    # The request is over, so there is nobody to tell that the sign-in has ended.
    with suppress(SignInExpired):
        follow(sign_in, claims_of(sign_in, tokens, conf.deadline))


@once(inherited=False)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="erpnet-instanceid-rights")
