"""The lease on a sign-in's row. Of all processes, its holder alone may spend the refresh token.

A request takes the lease when its update changes the row from free to leased. The time at which a
lease ends tells it from every other one, so an owner who slept past its end takes nothing from the
next owner. All times are by the database's clock: the clocks of two hosts may differ.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import Error as DatabaseFailure
from django.db import connections
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from ..models import SignIn
from ..oidc.errors import SignInExpired
from ..outages import as_unavailable
from .backoff import LONGEST_SECONDS
from .connections import database

logger = logging.getLogger("erpnet_instanceid")

MAX_LEASE_SECONDS = 40.0
# How long to keep retrying to store new tokens.
STORE_DEADLINE_SECONDS = 20.0
STORE_PAUSE_SECONDS = 0.2


def load(sign_in_id: str | UUID) -> SignIn:
    """The row as it is now, ``read_at`` being the database's time.

    Raises SignInExpired where the sign-in is over or its user deactivated, InstanceUnavailable
    where the database refuses.
    """
    with refusal_means_later(sign_in_id):
        # The plugin of mypy takes the annotation for a second attribute of that name.
        rows = SignIn.objects.annotate(read_at=Now())  # type: ignore[no-redef]
        sign_in = rows.open(sign_in_id)
    if sign_in is None or sign_in.account is None:
        raise SignInExpired("sign_in_ended", sign_in=str(sign_in_id))
    if not has_active_user(sign_in):
        raise SignInExpired("user_deactivated", sign_in=str(sign_in_id))
    return sign_in


def has_active_user(sign_in: SignIn) -> bool:
    """False where the site has deactivated the user of the sign-in."""
    # As Django's ModelBackend sees it: a user model need not have the field.
    return sign_in.account is None or bool(getattr(sign_in.account.user, "is_active", True))


def is_taken(sign_in: SignIn) -> bool:
    """Whether a request held the lease when the row was read."""
    return _is_ahead(sign_in, sign_in.leased_until, MAX_LEASE_SECONDS)


def is_paused(sign_in: SignIn) -> bool:
    """Whether no request may renew this sign-in yet, because renewals of it have failed."""
    return _is_ahead(sign_in, sign_in.retry_at, LONGEST_SECONDS)


def _is_ahead(sign_in: SignIn, end: datetime | None, longest: float) -> bool:
    # If the end is too far ahead, a host wrote it whose clock was wrong.
    return end is not None and timedelta(0) < end - sign_in.read_at <= timedelta(seconds=longest)


def take(sign_in: SignIn, seconds: float) -> bool:
    """Whether the caller now holds the lease, for that many seconds.

    Raises InstanceUnavailable where the database refuses: nothing has been spent yet.
    """
    free = (
        Q(leased_until=None)
        | Q(leased_until__lte=sign_in.read_at)
        | Q(leased_until__gt=sign_in.read_at + timedelta(seconds=MAX_LEASE_SECONDS))
    )
    until = sign_in.read_at + timedelta(seconds=seconds)
    with refusal_means_later(sign_in.pk):
        return sign_in.change({"leased_until": until}, free, generation=sign_in.generation)


def release(sign_in: SignIn, **values: Any) -> None:
    """Gives the lease back if it is still the caller's, and sets ``values`` in the same update."""
    try:
        sign_in.change(
            {"leased_until": None, **values},
            generation=sign_in.generation,
            leased_until=sign_in.leased_until,
        )
    except DatabaseFailure:
        # The lease then ends by itself.
        logger.warning("lease_not_released sign_in=%s", sign_in.pk)


def store(
    sign_in: SignIn, sealed_tokens: str, seconds: float = STORE_DEADLINE_SECONDS
) -> int | None:
    """Puts newer tokens on the row. Returns their generation, None where the sign-in has ended.

    Tries for that many ``seconds``, and then raises the database's error.

    Stores them even if the lease has ended: the old tokens are spent. Afterwards ``sign_in`` has
    the stored values, and receivers of signals see them.
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
    gives_up_at = time.monotonic() + seconds
    while True:
        try:
            if not sign_in.change(values, generation=sign_in.generation):
                if not _holds(sign_in.pk, generation, sealed_tokens):
                    return None
                vars(sign_in).update(values)
            return generation
        except DatabaseFailure:
            # Giving up signs the visitor out, so retry on any database error: after a failover
            # PostgreSQL reports a read-only server as InternalError.
            _leave_connection()
            if time.monotonic() >= gives_up_at:
                raise
            time.sleep(STORE_PAUSE_SECONDS)


def _holds(sign_in_id: UUID, generation: int, sealed_tokens: str) -> bool:
    # The connection may have broken after the update was carried out. Sealing is random, so equal
    # text comes from this very update.
    rows = SignIn.objects.filter(pk=sign_in_id, generation=generation)
    return rows.values_list("tokens", flat=True).first() == sealed_tokens


def _leave_connection() -> None:
    # The next connection may lead to a server that can write. Only a test has a transaction here,
    # and it keeps its connection.
    connection = connections[database()]
    if not connection.in_atomic_block:
        connection.close()


@contextmanager
def refusal_means_later(sign_in_id: object) -> Iterator[None]:
    """Turns each database error into InstanceUnavailable: the caller loses nothing by a retry."""
    try:
        yield
    except DatabaseFailure as error:
        raise as_unavailable(error, sign_in=str(sign_in_id)) from None
