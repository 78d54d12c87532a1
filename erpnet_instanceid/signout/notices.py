"""Ending sign-ins because the instance says so: which ones, and once."""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime

from django.db.models import Min, Q
from django.utils import timezone

from ..models import Account, SignIn
from ..oidc.id_token import Claims, session_id
from ..tokens.endings import end
from ..tokens.engine import delete_session

logger = logging.getLogger("erpnet_instanceid")


def end_named_sign_ins(claims: Claims) -> int:
    """Ends the sign-ins that a checked logout token names, and their Django sessions.

    Back-Channel Logout 2.7: the one of ``sid``, where it names one, else all of ``sub``. A notice
    that is sent again ends what it did not come to before, and nothing that began since.
    """
    notice = hashlib.sha256(f"{claims['iss']}\0{claims['jti']}".encode()).hexdigest()
    heeded = SignIn.objects.filter(ended_by=notice).aggregate(first=Min("ended"))["first"]
    count = 0
    for sign_in in _named(claims, heeded):
        if sign_in.account is None:
            if _end_under_way(sign_in, notice):
                count += 1
                continue
            # By now it is complete, and has a session.
            sign_in.refresh_from_db()
        # The session first: should that fail, the notice can be sent again and finds the row.
        delete_session(sign_in.session_key)
        if end(sign_in, "notice"):
            SignIn.objects.filter(pk=sign_in.pk).update(ended_by=notice)
            count += 1
    logger.info("notice ended=%d", count)
    return count


def _end_under_way(sign_in: SignIn, notice: str) -> bool:
    """Ends a sign-in whose callback has not come to its user yet, and then will not."""
    under_way = SignIn.objects.filter(pk=sign_in.pk, account=None, ended=None)
    return bool(under_way.update(ended=timezone.now(), ended_by=notice))


def _named(claims: Claims, heeded: datetime | None) -> list[SignIn]:
    issuer, sid, sub = claims["iss"], session_id(claims), claims.get("sub")
    if sid is None:
        named = Q(account__issuer=issuer, account__sub=sub)
    else:
        named = Q(sid=sid) & (Q(account__issuer=issuer) | Q(account=None))
    found = SignIn.objects.select_related("account").filter(named, ended=None)
    # The database may compare by a looser collation than the instance does.
    return [
        sign_in
        for sign_in in found
        if (sid is None or sign_in.sid == sid)
        and (sub is None or _may_be(sign_in.account, sub, named_by_sid=sid is not None))
        and (sign_in.issued_at is None or sign_in.issued_at <= claims["iat"])
        # Within one second, the instance's times do not tell what came first.
        and (heeded is None or sign_in.started <= heeded)
    ]


def _may_be(account: Account | None, sub: str, *, named_by_sid: bool) -> bool:
    """Whether a notice of ``sub`` may be about this account's session."""
    if account is None or account.sub == sub:
        return True
    # Somebody renamed goes by a name that is not known here yet, or not any more. What is another
    # person's name is not theirs. Back-Channel Logout 2.6.
    return named_by_sid and not Account.objects.filter(issuer=account.issuer, sub=sub).exists()
