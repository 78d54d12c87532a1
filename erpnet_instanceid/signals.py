"""What a site may listen to. Receivers are called by what caused the signal, before it goes on.

For ``tokens_refreshed`` that may be another thread than the request's, on a database connection of
its own: where the request is inside a transaction, or runs on an event loop.
"""

from __future__ import annotations

from django.dispatch import Signal

__all__ = ["sign_in_ended", "sign_in_failed", "signed_in", "tokens_refreshed"]

signed_in = Signal()
"""After sign-in: ``request``, ``user``, ``account``, ``claims``."""

sign_in_failed = Signal()
"""After a sign-in that did not succeed: ``request``, ``error`` (an InstanceIDError)."""

tokens_refreshed = Signal()
"""After new tokens were stored: ``sign_in`` (its row, with what was stored)."""

sign_in_ended = Signal()
"""After a sign-in came to its end: ``sign_in`` (its row, without tokens), ``reason``."""
