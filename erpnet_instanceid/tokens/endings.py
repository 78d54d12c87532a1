"""A sign-in ends once: by whoever is first, and with the Django session that it is on."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from ..models import SignIn
from ..oidc.token_set import TokenSet
from ..signals import sign_in_ended
from . import held as session

logger = logging.getLogger("erpnet_instanceid")


def end(sign_in: SignIn, reason: str, **only_where: Any) -> bool:
    """Ends a sign-in and drops its tokens, of ``sign_in`` too. False where it had ended before."""
    values = {"ended": timezone.now(), "tokens": "", "leased_until": None}
    ended = sign_in.change(values, **only_where)
    if ended:
        logger.info("sign_in_ended reason=%s sign_in=%s", reason, sign_in.pk)
        sign_in_ended.send(SignIn, sign_in=sign_in, reason=reason)
    return ended


def end_with_session(request: HttpRequest, reason: str) -> TokenSet | None:
    """Ends the sign-in on the session of ``request``; the last tokens it had, None for none."""
    held = session.held(request.session)
    if held is None:
        return None
    rows = SignIn.objects.filter(pk=held["sign_in"], ended=None)
    for last in (False, False, True):
        sign_in = rows.first()
        if sign_in is None:
            break
        tokens = session.unseal_tokens(sign_in)
        # A refresh that stored its answer since the row was read has newer tokens than these. Where
        # that is not to be seen (REPEATABLE READ, as MySQL has it), it ends all the same.
        if end(sign_in, reason, **({} if last else {"generation": sign_in.generation})):
            return tokens
    return None


@receiver(user_logged_out, dispatch_uid="erpnet_instanceid.endings")
def _after_logout(*, request: HttpRequest | None, **_kwargs: Any) -> None:
    # Django's own sign-out, the admin's for one, sends this before it flushes the session.
    if request is not None and hasattr(request, "session"):
        end_with_session(request, "logged_out")
