"""Deletes rows that are no longer needed: on command, and in small batches during normal use."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from typing import Any

from django.db import Error as DatabaseFailure
from django.db import connections, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from ..models import Notice, SignIn
from ..once import once
from .connections import database

logger = logging.getLogger("erpnet_instanceid")

# Longer than a sign-in can take, and than somebody can replay its answer.
CLAIMED_FOR = timedelta(hours=2)
# Django's admin shows an ended sign-in for a day.
ENDED_FOR = timedelta(days=1)
# A refresh token lives for 30 days.
UNUSED_FOR = timedelta(days=31)

BATCH = 200
# How many rows one visitor's request may delete, and how often a request of this process does so.
BATCH_OF_REQUEST = 20
PAUSE_SECONDS = 60.0


def prune(limit: int | None = None) -> int:
    """Deletes at most ``limit`` rows: rejected, ended and unused sign-ins, and old notices.

    Returns how many.
    """
    total = 0
    for rows in _needless():
        while limit is None or total < limit:
            most = BATCH if limit is None else min(BATCH, limit - total)
            count = _delete(rows, most)
            total += count
            if count < most:
                break
    return total


def _delete(rows: QuerySet[Any], most: int) -> int:
    """Deletes the first ``most`` of the rows, except those that another process is deleting."""
    using = database()
    if not connections[using].features.has_select_for_update_skip_locked:
        return _delete_all(rows[:most])
    # Two processes that delete the same rows in different orders would wait for each other.
    with transaction.atomic(using=using):
        return _delete_all(rows.select_for_update(skip_locked=True)[:most])


def _delete_all(rows: QuerySet[Any]) -> int:
    # MariaDB has no LIMIT in the subquery of a DELETE.
    found = list(rows.values_list("pk", flat=True))
    return rows.model._default_manager.filter(pk__in=found).delete()[0] if found else 0


def _needless() -> tuple[QuerySet[Any], ...]:
    # One index answers each query. The order makes the database use it: if most rows can go, it
    # would otherwise read the whole table.
    rows = SignIn.objects.all()
    return (
        rows.filter(_older("started", CLAIMED_FOR), account=None).order_by("account_id", "started"),
        rows.filter(_older("ended", ENDED_FOR)).order_by("ended"),
        rows.filter(_older("refreshed", UNUSED_FOR)).order_by("refreshed"),
        Notice.objects.filter(_older("received", CLAIMED_FOR)).order_by("received"),
    )


def _older(field: str, age: timedelta) -> Q:
    # By both clocks: a host's may be wrong, and the database's may count in another time zone
    # than the one in which Django writes.
    return Q((f"{field}__lt", Now() - age), (f"{field}__lt", timezone.now() - age))


class Gardener:
    """Lets one request in a while prune. Each process has one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next_at = 0.0

    def is_turn(self) -> bool:
        """Whether the calling request is to prune. After that no other is, for a minute."""
        with self._lock:
            now = time.monotonic()
            if now < self._next_at:
                return False
            self._next_at = now + PAUSE_SECONDS
            return True

    def go_on(self) -> None:
        """Lets the next request prune as well, since more rows can go."""
        self._next_at = 0.0


@once(inherited=False)
def gardener() -> Gardener:
    """The gardener of this process."""
    return Gardener()


def prune_now_and_then() -> None:
    """Prunes a small batch, once a minute in each process. Never fails its caller."""
    if not gardener().is_turn():
        return
    try:
        count = prune(limit=BATCH_OF_REQUEST)
    except DatabaseFailure:
        logger.warning("pruning_failed", exc_info=True)
        return
    if count:
        logger.info("pruned rows=%d", count)
    if count >= BATCH_OF_REQUEST:
        gardener().go_on()
