"""Signals that a site may connect to. A receiver runs before the code that sent the signal goes on.

A receiver of ``tokens_refreshed`` may run in another thread than the request's, on a database
connection of its own: when the request is inside a transaction, and when the instance has answered
after the request went on with the token that it had.
"""

from __future__ import annotations

from django.dispatch import Signal

__all__ = ["sign_in_ended", "sign_in_failed", "signed_in", "tokens_refreshed"]

signed_in = Signal()
"""After sign-in: ``request``, ``user``, ``account``, ``claims``."""

sign_in_failed = Signal()
"""After a sign-in that did not succeed: ``request``, ``error`` (an InstanceIDError)."""

tokens_refreshed = Signal()
"""After new tokens were stored: ``sign_in`` (its row, with the new tokens)."""

sign_in_ended = Signal()
"""After a sign-in came to its end: ``sign_in`` (its row, without tokens), ``reason``."""
