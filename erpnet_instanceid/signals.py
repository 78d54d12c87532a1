"""What a site may listen to. Receivers are called in the request that caused the signal."""

from __future__ import annotations

from django.dispatch import Signal

signed_in = Signal()
"""After sign-in: ``request``, ``user``, ``account``, ``claims``."""

sign_in_failed = Signal()
"""After a sign-in that did not succeed: ``request``, ``error`` (an InstanceIDError)."""

tokens_refreshed = Signal()
"""After new tokens were stored: ``sign_in`` (its row)."""

sign_in_ended = Signal()
"""After a sign-in came to its end: ``sign_in`` (its row), ``reason``."""
