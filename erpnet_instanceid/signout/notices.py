"""Ending sign-ins because the instance says so: which ones, and once."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db.models import Q

from ..conf import conf
from ..models import Account, SignIn
from ..oidc.id_token import Claims, session_id
from ..tokens import notice_log
from ..tokens.endings import end
from ..tokens.engine import delete_session

logger = logging.getLogger("erpnet_instanceid")


def end_named_sign_ins(claims: Claims) -> int:
    """Ends the sign-ins that a checked logout token names, and their Django sessions.

    Back-Channel Logout 2.7: the one of ``sid``, where it names one, else all of ``sub``. Also
    stops those that are under way. A notice that is sent again ends what it did not come to
    before, and nothing that began since.
    """
    first_received = notice_log.note(claims)
    count = 0
    for sign_in in _named(claims, first_received):
        # The session first: should that fail, the notice can be sent again and finds the row.
        delete_session(sign_in.session_key)
        if end(sign_in, "notice"):
            count += 1
    logger.info("notice ended=%d", count)
    return count


def _named(claims: Claims, first_received: datetime | None) -> list[SignIn]:
    issuer, sid, sub = claims["iss"], session_id(claims), claims.get("sub")
    named = Q(account__sub=sub) if sid is None else Q(sid=sid)
    found = SignIn.objects.select_related("account").filter(
        named, account__issuer=issuer, ended=None
    )
    # Two nodes of the instance do not agree on the time.
    latest = claims["iat"] + conf.clock_skew
    # The database may compare by a looser collation than the instance does.
    return [
        sign_in
        for sign_in in found
        if (sid is None or sign_in.sid == sid)
        and (sub is None or _may_be(sign_in.account, sub, named_by_sid=sid is not None))
        and (sign_in.issued_at is None or sign_in.issued_at <= latest)
        and (first_received is None or sign_in.started <= first_received)
    ]


def _may_be(account: Account | None, sub: str, *, named_by_sid: bool) -> bool:
    """Whether a notice of ``sub`` may be about this account's session."""
    if account is None or account.sub == sub:
        return True
    # Somebody renamed goes by a name that is not known here yet, or not any more. What is another
    # person's name is not theirs. Back-Channel Logout 2.6.
    return named_by_sid and not Account.objects.filter(issuer=account.issuer, sub=sub).exists()
