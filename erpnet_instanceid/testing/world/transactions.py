"""Transactions: changes that the instance keeps in memory until they are committed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class Transaction:
    """One open transaction."""

    id: str
    opened_at: float
