"""From the instance's answer to a signed-in visitor: the steps of a sign-in, in their order."""

from __future__ import annotations

import logging
import time
from typing import Any

from django.contrib import auth
from django.http import HttpRequest
from django.utils import timezone

from ..conf import conf
from ..models import Account, SignIn, sealed_tokens
from ..oidc.authorization import AuthorizationAnswer, check_answer, read_answer
from ..oidc.client import Client
from ..oidc.errors import AttemptError, SignInDenied
from ..oidc.id_token import (
    Claims,
    authentication_time,
    check_front_id_token,
    check_id_token,
    check_same_sign_in,
    session_id,
)
from ..oidc.token_endpoint import exchange_code
from ..oidc.token_set import TokenSet
from ..pages import kept_forms
from ..signals import signed_in
from ..tokens import backoff
from ..tokens.endings import end, sign_out
from ..tokens.entry import Identity, SessionEntry, new_entry, read_entry, write_entry
from ..tokens.pruning import prune_now_and_then
from .attempts import Attempt, CarriedAnswer

logger = logging.getLogger("erpnet_instanceid")


def redeem(attempt: Attempt, carried: CarriedAnswer) -> tuple[Claims, TokenSet, SignIn]:
    """The checked claims and tokens of an answer. Each check that fails ends the attempt.

    Raises InstanceIDError, and IntegrityError where the attempt has been claimed before.
    """
    client, secrets, now = conf.client, attempt.secrets, time.time()
    answer = read_answer(carried.pairs)
    code = _check_answer(answer, carried, attempt, client)
    front: Claims | None = None
    if answer.id_token is not None:
        front = check_front_id_token(
            answer.id_token,
            client=client,
            nonce=secrets.nonce,
            code=code,
            state=secrets.state,
            max_age=attempt.max_age,
            now=now,
        )
    sign_in = _claim(attempt, front)
    tokens = exchange_code(
        client,
        code=code,
        code_verifier=secrets.code_verifier,
        redirect_uri=attempt.redirect_uri,
        scope=conf.scope,
        now=now,
    )
    # The instance answers: its back-off ends.
    backoff.of_issuer(client.issuer).succeeded()
    claims = check_id_token(
        tokens.id_token,
        client=client,
        nonce=secrets.nonce,
        access_token=tokens.access_token,
        max_age=attempt.max_age,
        now=time.time(),
    )
    if front is not None:
        check_same_sign_in(front, claims)
    return claims, tokens, sign_in


def _claim(attempt: Attempt, front: Claims | None) -> SignIn:
    # With what a sign-out notice names, where that is known: one may arrive before the user is.
    known: dict[str, Any] = {} if front is None else _named_by(front)
    return SignIn.objects.create(attempt=attempt.digest, **known)


def _named_by(claims: Claims) -> dict[str, Any]:
    return {"sid": session_id(claims) or "", "issued_at": int(claims["iat"])}


def _check_answer(
    answer: AuthorizationAnswer, carried: CarriedAnswer, attempt: Attempt, client: Client
) -> str:
    if answer.state != attempt.secrets.state:
        raise AttemptError("unknown_attempt")
    hybrid = conf.response_type != "code"
    metadata = client.provider.metadata()
    code = check_answer(
        answer,
        issuer=metadata.issuer,
        # In the hybrid flow the ID token names the issuer. RFC 9207 2.4.
        demand_issuer=metadata.names_issuer and answer.id_token is None,
        # The instance's guide shows an answer by GET with a code alone: the second ID token's
        # nonce and PKCE hold it together then.
        demand_id_token=hybrid and not carried.in_query,
    )
    if answer.id_token is not None and (carried.in_query or not hybrid):
        raise AttemptError("unexpected_parameter", parameter="id_token")
    return code


def sign_visitor_in(
    request: HttpRequest,
    attempt: Attempt,
    claims: Claims,
    tokens: TokenSet,
    sign_in: SignIn,
    target: str,
) -> Any:
    """Signs the visitor in, and puts the tokens where they are kept: the row, then the session."""
    started = time.monotonic()
    user = auth.authenticate(
        request, instance_tokens=tokens, id_token_claims=claims, sign_in=sign_in
    )
    account = sign_in.account
    if user is None or account is None:
        raise SignInDenied("no_user", sub=claims["sub"])
    kept_forms.note_sign_in(request, user)
    before, key_before = read_entry(request.session), request.session.session_key
    # Rotates an anonymous session's key; the session of another person is flushed.
    auth.login(request, user)
    if request.session.session_key in (key_before, None):
        # The key of somebody who signs in once more is left by Django as it is, and there is none
        # yet after a flush, so that a sign-out notice would not find the session.
        request.session.cycle_key()
    row = {
        "account": account,
        "session_key": request.session.session_key or "",
        "generation": 1,
        "tokens": sealed_tokens(tokens),
        "refreshed": timezone.now(),
        **_named_by(claims),
    }
    if not sign_in.change(row):
        # A sign-out notice was faster.
        sign_out(request)
        raise AttemptError("sign_in_ended")
    identity = _identity(account, claims)
    entry = new_entry(request.session, sign_in.pk, 1, tokens, target=target, identity=identity)
    write_entry(request.session, entry)
    if before is not None:
        _end_replaced(before)
    logger.info(
        "signed_in reference=%s account=%s ms=%d",
        attempt.ref,
        account.pk,
        round((time.monotonic() - started) * 1000),
    )
    prune_now_and_then()
    signed_in.send(type(user), request=request, user=user, account=account, claims=claims)
    return user


def _end_replaced(before: SessionEntry) -> None:
    replaced = SignIn.objects.open(before.sign_in)
    if replaced is not None:
        end(replaced, "replaced")


def _identity(account: Account, claims: Claims) -> Identity:
    return Identity(
        sub=account.sub,
        user_id=account.key,
        user_type=account.user_type,
        is_admin=account.is_admin,
        signed_in_at=int(time.time()),
        authenticated_at=authentication_time(claims),
    )
