"""The lease on a sign-in's row: who of all processes may spend its refresh token now.

Held by whoever changed the row from free to leased. The time it ends at tells it from every other
lease, so that an owner who slept past it takes nothing from the next one.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, InterfaceError, OperationalError, connections
from django.db.models import Q
from django.utils import timezone

from ..models import SignIn
from ..oidc.errors import InstanceUnavailable, SignInExpired
from .connections import database

logger = logging.getLogger("erpnet_instanceid")

# How long an answer that the database refuses is offered to it.
STORE_DEADLINE_SECONDS = 20.0
STORE_PAUSE_SECONDS = 0.2


def load(sign_in_id: str | UUID) -> SignIn:
    """The row as it is now. Raises SignInExpired where the sign-in is over."""
    rows = SignIn.objects.select_related("account")
    try:
        sign_in = rows.filter(pk=sign_in_id).first()
    except OperationalError:
        raise _database_busy(sign_in_id) from None
    if sign_in is None or sign_in.ended is not None or sign_in.account is None:
        raise SignInExpired("sign_in_ended", sign_in=str(sign_in_id))
    return sign_in


def is_taken(sign_in: SignIn) -> bool:
    """Whether somebody held the lease when the row was read."""
    return sign_in.leased_until is not None and sign_in.leased_until > timezone.now()


def take(sign_in: SignIn, seconds: float) -> bool:
    """Whether the caller now holds the lease, for so many seconds."""
    now = timezone.now()
    until = now + timedelta(seconds=seconds)
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    try:
        return sign_in.change({"leased_until": until}, free, generation=sign_in.generation)
    except OperationalError:
        # Nothing has been spent yet, so nothing is lost by saying no.
        raise _database_busy(sign_in.pk) from None


def release(sign_in: SignIn, **values: int | datetime) -> None:
    """Gives the lease back, if it is still the caller's, and notes ``values`` with that."""
    try:
        sign_in.change(
            {"leased_until": None, **values},
            generation=sign_in.generation,
            leased_until=sign_in.leased_until,
        )
    except OperationalError:
        # The lease then ends by itself.
        logger.warning("lease_not_released sign_in=%s", sign_in.pk)


def store(sign_in: SignIn, sealed_tokens: str) -> int | None:
    """Puts a newer token set on the row; its generation, None where the sign-in has ended.

    Whoever was given tokens stores them, also when the lease is over: the old ones are spent.
    ``sign_in`` has what was stored from then on, and receivers of signals see that.
    """
    generation = sign_in.generation + 1
    values: dict[str, Any] = {
        "generation": generation,
        "tokens": sealed_tokens,
        "refreshed": timezone.now(),
        "leased_until": None,
        "retry_at": None,
        "failures": 0,
    }
    gives_up_at = time.monotonic() + STORE_DEADLINE_SECONDS
    while True:
        try:
            if sign_in.change(values, generation=sign_in.generation):
                return generation
            if not _holds(sign_in.pk, generation, sealed_tokens):
                return None
            vars(sign_in).update(values)
            return generation
        except (DatabaseError, InterfaceError):
            # To give up is to sign the visitor out, whatever kind of failure it is: after a
            # failover PostgreSQL calls it an internal one that the server is read only.
            if time.monotonic() > gives_up_at:
                raise
            _leave_connection()
            time.sleep(STORE_PAUSE_SECONDS)


def _holds(sign_in_id: UUID, generation: int, sealed_tokens: str) -> bool:
    # The connection may have broken after the update was carried out. Sealing is random, so equal
    # text is this very update's.
    rows = SignIn.objects.filter(pk=sign_in_id, generation=generation)
    return rows.values_list("tokens", flat=True).first() == sealed_tokens


def _leave_connection() -> None:
    # The next one may lead to a server that can write. A transaction, which only a test has here,
    # goes on with its own.
    connection = connections[database()]
    if not connection.in_atomic_block:
        connection.close()


def _database_busy(sign_in_id: object) -> InstanceUnavailable:
    return InstanceUnavailable("database_busy", sign_in=str(sign_in_id))
