"""Rows that nobody needs any more go: on command, and a few at a time along the way."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta

from django.db import DatabaseError
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from ..models import SignIn

logger = logging.getLogger("erpnet_instanceid")

# Longer than an answer can be replayed, and than a sign-out notice is valid.
CLAIMED_FOR = timedelta(hours=2)
ENDED_FOR = timedelta(days=1)
# A refresh token lives for 30 days.
FORGOTTEN_FOR = timedelta(days=31)
CHUNK = 500
PAUSE_SECONDS = 3600.0

_lock = threading.Lock()
_next_at: float | None = None


def prune(limit: int | None = None) -> int:
    """Deletes rows of rejected, ended and forgotten sign-ins; how many. At most ``limit``."""
    now = timezone.now()
    needless = SignIn.objects.annotate(last_used=Coalesce("refreshed", "started")).filter(
        Q(account=None, started__lt=now - CLAIMED_FOR)
        | Q(ended__lt=now - ENDED_FOR)
        | Q(last_used__lt=now - FORGOTTEN_FOR)
    )
    total = 0
    while limit is None or total < limit:
        chunk = list(needless.values_list("pk", flat=True)[:CHUNK])
        if not chunk:
            break
        total += SignIn.objects.filter(pk__in=chunk).delete()[0]
    return total


def prune_now_and_then() -> None:
    """Prunes a chunk, once an hour in each process, and never fails its caller."""
    global _next_at
    with _lock:
        now = time.monotonic()
        if _next_at is None:
            _next_at = now + PAUSE_SECONDS
        if now < _next_at:
            return
        _next_at = now + PAUSE_SECONDS
    try:
        count = prune(limit=CHUNK)
    except DatabaseError:
        logger.warning("pruning_failed", exc_info=True)
    else:
        logger.info("pruned rows=%d", count)
        if count >= CHUNK:
            # There are more than come off in an hour.
            _next_at = now
