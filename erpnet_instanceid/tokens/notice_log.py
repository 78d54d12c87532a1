"""Sign-out notices of the last hours, for sign-ins that were under way when a notice came.

Such a sign-in has no user yet, or no row at all, so the notice cannot find it. Its last step looks
here, in the statement that completes it.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from django.db import connections, transaction
from django.utils import timezone

from ..conf import conf
from ..conflicts import tried_again
from ..models import Notice, SignIn, fingerprint
from ..oidc.id_token import Claims, session_id
from .connections import database
from .pruning import CLAIMED_FOR

NO_NOTICE = f"""NOT EXISTS (
    SELECT 1 FROM {Notice._meta.db_table}
    WHERE named IN (%s, %s) AND sub IN ('', %s) AND received >= %s AND issued_at >= %s
)"""  # noqa: S608 - the table's name is a constant


def note(claims: Claims) -> datetime | None:
    """Notes a checked logout token: from now on it stops the sign-ins that it names.

    Returns when this site first received it, None for the first time.
    """
    new_or_known = partial(
        Notice.objects.get_or_create,
        jti=fingerprint(claims["iss"], "jti", claims["jti"]),
        defaults={**_names(claims), "issued_at": int(claims["iat"])},
    )
    notice, is_new = tried_again(new_or_known)
    tried_again(partial(_wait_for_sign_ins, database()))
    return None if is_new else notice.received


def _wait_for_sign_ins(alias: str) -> None:
    # A sign-in may have looked for notices just before this one was stored. It locks its row until
    # it is complete, so we wait here; the caller then finds the complete row.
    # The browser of a row that is older has not come back.
    since = timezone.now() - CLAIMED_FOR
    under_way = SignIn.objects.filter(account=None, started__gt=since, ended=None)
    with transaction.atomic(using=alias):
        list(under_way.select_for_update().values_list("pk", flat=True))


def no_notice_of(claims: Claims, *, since: datetime) -> tuple[str, list[Any]]:
    """The condition, in SQL, that no notice has come about the sign-in with these claims.

    Returns its parameters as well. ``since`` is when the sign-in began, by this site's clock: an
    earlier notice is about an earlier sign-in.
    """
    connection = connections[database()]
    sub = _hash(claims, "sub", claims["sub"])
    received = Notice._meta.get_field("received").get_db_prep_value(since, connection)
    # The clocks of two nodes of the instance may differ.
    issued_since = int(claims["iat"]) - conf.clock_skew
    return NO_NOTICE, [_names(claims)["named"], sub, sub, received, issued_since]


def _names(claims: Claims) -> dict[str, str]:
    sid, sub = session_id(claims), claims.get("sub")
    if sid is None:
        return {"named": _hash(claims, "sub", str(sub))}
    return {
        "named": _hash(claims, "sid", sid),
        "sub": _hash(claims, "sub", sub) if sub else "",
    }


def _hash(claims: Claims, kind: str, value: str) -> str:
    return fingerprint(claims["iss"], kind, value)
