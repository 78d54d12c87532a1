"""From the instance's answer to a signed-in visitor: the steps of a sign-in, in their order."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import auth
from django.core.exceptions import ValidationError
from django.db import Error as DatabaseFailure
from django.http import HttpRequest
from django.utils import timezone

from ..conf import conf
from ..conflicts import tried_again
from ..models import Account, SignIn, sealed_tokens
from ..oidc.authorization import AuthorizationAnswer, check_answer, read_answer
from ..oidc.client import Client
from ..oidc.errors import AttemptError, InstanceIDError, InstanceUnavailable, SignInDenied
from ..oidc.fetched import as_stranger
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
from ..oidc.tracebacks import hides_own_frames
from ..pages import kept_forms
from ..signals import signed_in
from ..tokens import backoff, rows
from ..tokens.connections import give_back
from ..tokens.endings import end, end_all_of, session_replaced, sign_out
from ..tokens.engine import filled_when_created, save_only_changes
from ..tokens.entry import SessionEntry, is_on_session, new_entry, read_entry, write_entry
from ..tokens.logins import own_login, put_user
from ..tokens.pruning import prune_now_and_then
from ..users.refusals import constraint
from .answers import Answer
from .attempts import Attempt

logger = logging.getLogger("erpnet_instanceid")


@hides_own_frames
def redeem(attempt: Attempt, carried: Answer) -> tuple[Claims, TokenSet, SignIn]:
    """The checked claims and tokens of an answer. Each check that fails ends the attempt.

    Raises InstanceIDError, and IntegrityError where the attempt has been claimed before.
    """
    client = conf.client
    with as_stranger():
        code, front = _checked(read_answer(carried.pairs), carried, attempt, client)
    sign_in = _claim(attempt)
    with deleted_if_refused(sign_in):
        # Other requests can use the database connection while the instance works.
        give_back()
        claims, tokens = _exchange(client, attempt, code, front)
    return claims, tokens, sign_in


def _checked(
    answer: AuthorizationAnswer, carried: Answer, attempt: Attempt, client: Client
) -> tuple[str, Claims | None]:
    """The code of the answer, and the claims of the ID token beside it, if one came."""
    code = _check_answer(answer, carried, attempt, client)
    if answer.id_token is None:
        return code, None
    return code, check_front_id_token(
        answer.id_token,
        client=client,
        nonce=attempt.secrets.nonce,
        code=code,
        state=attempt.secrets.state,
        max_age=attempt.plan.max_age,
        now=time.time(),
    )


def _claim(attempt: Attempt) -> SignIn:
    # The row says when the sign-in started, and not when its answer came: so a sign-out notice that
    # came in between counts.
    under_way_for = timedelta(seconds=time.time() - attempt.plan.started)
    started = timezone.now() - under_way_for
    return rows.claim(attempt.state_hash, started)


@contextmanager
def deleted_if_refused(sign_in: SignIn) -> Iterator[None]:
    """Deletes the row of a sign-in that is refused before it has a user.

    After a lost answer the row stays, so that the same code is not sent again.
    """
    try:
        yield
    except InstanceUnavailable:
        raise
    except InstanceIDError:
        with suppress(DatabaseFailure):
            SignIn.objects.filter(pk=sign_in.pk, account=None).delete()
        raise


@contextmanager
def others_ended_if_denied(sign_in: SignIn) -> Iterator[None]:
    """Ends the sign-ins in other browsers of a person who may not use this site any more."""
    try:
        yield
    except SignInDenied as error:
        if sign_in.account is not None:
            end_all_of(sign_in.account, error.code)
        raise


def _exchange(
    client: Client, attempt: Attempt, code: str, front: Claims | None
) -> tuple[Claims, TokenSet]:
    """Exchanges the code, and checks the tokens that come back against the first ID token."""
    tokens = exchange_code(
        client,
        code=code,
        code_verifier=attempt.secrets.code_verifier,
        redirect_uri=attempt.redirect_uri,
        scope=conf.scope,
        now=time.time(),
    )
    # The instance answers, so its back-off ends.
    backoff.of_issuer(client.issuer).succeeded()
    claims = check_id_token(
        tokens.id_token,
        client=client,
        nonce=attempt.secrets.nonce,
        access_token=tokens.access_token,
        max_age=attempt.plan.max_age,
        now=time.time(),
    )
    if front is not None:
        check_same_sign_in(front, claims)
    # Receivers of signals and error reports see the claims.
    return {name: value for name, value in claims.items() if name != "nonce"}, tokens


def _named_by(claims: Claims) -> dict[str, Any]:
    return {"sid": session_id(claims) or "", "issued_at": int(claims["iat"])}


def _check_answer(
    answer: AuthorizationAnswer, carried: Answer, attempt: Attempt, client: Client
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
        # The instance's guide shows an answer by GET that has a code and no ID token. Then PKCE and
        # the nonce of the second ID token bind the code to this browser.
        demand_id_token=hybrid and not carried.in_query,
    )
    if answer.id_token is not None and (carried.in_query or not hybrid):
        raise AttemptError("unexpected_parameter", parameter="id_token")
    return code


@hides_own_frames
def sign_visitor_in(
    request: HttpRequest,
    reference: str,
    claims: Claims,
    tokens: TokenSet,
    sign_in: SignIn,
    target: str,
) -> Any:
    """Signs the visitor in, and stores the tokens on the row, then on the session."""
    started = time.monotonic()
    with deleted_if_refused(sign_in), others_ended_if_denied(sign_in):
        user = auth.authenticate(
            request, instance_tokens=tokens, id_token_claims=claims, sign_in=sign_in
        )
        account = sign_in.account
        if user is None or account is None:
            raise SignInDenied("no_user", sub=claims["sub"])
    before = read_entry(request.session)
    entry = new_entry(
        request.session,
        sign_in.pk,
        1,
        tokens,
        target=target,
        authenticated_at=authentication_time(claims),
    )
    with deleted_if_refused(sign_in):
        with session_replaced(request):
            kept_forms.note_sign_in(request, user)
            is_signed_in = _login(request, user, entry)
            if is_signed_in:
                _complete(request, sign_in, account, claims, tokens)
                told = {"user": user, "account": account, "claims": claims}
                signed_in.send(type(user), request=request, **told)
        if before is not None:
            _end_replaced(before)
        if not is_signed_in:
            raise SignInDenied("no_user", sub=claims["sub"])
    logger.info(
        "signed_in reference=%s account=%s ms=%d",
        reference,
        account.pk,
        round((time.monotonic() - started) * 1000),
    )
    prune_now_and_then()
    return user


def _complete(
    request: HttpRequest, sign_in: SignIn, account: Account, claims: Claims, tokens: TokenSet
) -> None:
    values = {
        "account_id": account.pk,
        "session_key": request.session.session_key or "",
        "generation": 1,
        "tokens": sealed_tokens(tokens),
        "refreshed": timezone.now(),
        **_named_by(claims),
    }
    if not rows.complete(sign_in, claims, values):
        raise AttemptError("sign_in_ended")


def _login(request: HttpRequest, user: Any, entry: SessionEntry) -> bool:
    """Signs the user in with Django, on a session with a new key, and puts ``entry`` on it.

    The session is stored once, complete: the browser gets its key after that. Returns False where
    the site has signed the visitor out again, in a receiver of `user_logged_in`.
    """
    session, is_signed_in = request.session, True

    def fill() -> None:
        if not is_signed_in:
            return
        # A receiver of the site may have signed the visitor in as another user.
        is_own = auth.SESSION_KEY not in session or is_on_session(user, session)
        if is_own:
            put_user(session, user)
        own = replace(entry, session_key=session.session_key, is_carried=not is_own)
        write_entry(session, own)

    save_only_changes(session)
    with own_login(request), filled_when_created(session, fill):
        if auth.SESSION_KEY in session and request.user.pk != user.pk:
            # Of another person, or from before this one's password was changed.
            session.flush()
        # login() would keep the key if the same user signs in again, and make none after a flush.
        # Its receivers, and a sign-out notice, need a key by which they find this session.
        session.cycle_key()
        _django_login(request, user)
        is_signed_in = auth.SESSION_KEY in session
        if is_signed_in and session.session_key is None:
            session.cycle_key()
    if not is_signed_in:
        sign_out(request)
    return is_signed_in


def _django_login(request: HttpRequest, user: Any) -> None:
    try:
        tried_again(partial(auth.login, request, user))
    except ValidationError as error:
        # Django saves the user's last_login, and the site's model is cleaned at each save.
        raise SignInDenied("user_not_saved", constraint=constraint(error)) from error


def _end_replaced(before: SessionEntry) -> None:
    try:
        replaced = SignIn.objects.open(before.sign_in)
        if replaced is not None:
            end(replaced, "replaced")
    except DatabaseFailure as error:
        # The new sign-in is complete all the same.
        cause = type(error).__name__
        logger.warning("sign_in_not_ended sign_in=%s error=%s", before.sign_in, cause)
