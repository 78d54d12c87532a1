"""Transactions: changes that the instance keeps in memory until they are committed.

ErpNetDocs, domain-api/data-manipulation/transactions.
"""

from __future__ import annotations

import copy
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .company import make_entity_sets
from .entities import EntitySet, Row
from .refusals import DUPLICATE, INSTANCE_ERROR, ApiRefusalError, not_found
from .rules import Model, Rule, follow_changes, ready_rules, rows_by_odata_id

#: By operation, entity set and id: the values that changed.
ChangeLog = dict[str, dict[str, dict[str, Row]]]


@dataclass(eq=False)
class Transaction:
    """Changed rows by entity set and id, None for a deleted one. `opened_at` is in Unix seconds."""

    model: Model = "common"
    opened_at: float = 0
    tracks_changes: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    rows: dict[tuple[str, str], Row | None] = field(default_factory=dict)
    log: ChangeLog = field(default_factory=dict)

    def take_log(self) -> ChangeLog:
        """The changes since the last call."""
        log, self.log = self.log, {}
        return log

    def note(self, operation: str, entity: str, key: str, values: Row) -> None:
        of_entity = self.log.setdefault(operation, {}).setdefault(entity, {})
        of_entity.setdefault(key, {}).update(values)


class Data:
    """The rows of all entity sets. Each method is atomic."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.sets = make_entity_sets()
        self.rules: list[Rule] = ready_rules()

    def set_named(self, name: str) -> EntitySet:
        if name not in self.sets:
            raise not_found(name)
        return self.sets[name]

    def rows(self, entity: EntitySet, transaction: Transaction | None) -> list[Row]:
        """The rows as the transaction sees them. The caller does not change them."""
        with self._lock:
            if transaction is None:
                return list(entity.rows)
            rows: dict[str, Row | None] = {row["Id"]: row for row in entity.rows}
            changed = {
                key: row for (name, key), row in transaction.rows.items() if name == entity.name
            }
            return [row for row in {**rows, **changed}.values() if row is not None]

    def row(self, entity: EntitySet, key: str, transaction: Transaction | None) -> Row:
        """A copy of one row. Raises a refusal with status 404."""
        with self._lock:
            if transaction and (entity.name, key) in transaction.rows:
                row = transaction.rows[entity.name, key]
            else:
                row = entity.find(key)
            if row is None:
                raise not_found(f"{entity.name}({key})")
            return copy.deepcopy(row)

    def row_with_odata_id(self, name: str) -> Row | None:
        entity, _, key = name.rstrip(")").partition("(")
        known = {entity_name.lower(): rows for entity_name, rows in self.sets.items()}
        rows = known.get(entity.lower())
        return rows.find(key.lower()) if rows else None

    def update(self, entity: EntitySet, key: str, values: Row, transaction: Transaction) -> None:
        with self._lock:
            row = self.row(entity, key, transaction)
            row.update(values)
            if transaction.model == "frontend":
                followed = follow_changes(entity.name, row, values)
                row.update(followed)
                values = {**values, **followed}
            transaction.rows[entity.name, key] = row
            transaction.note("update", entity.name, key, values)

    def insert(self, entity: EntitySet, row: Row, transaction: Transaction) -> None:
        transaction.rows[entity.name, row["Id"]] = row
        transaction.note("insert", entity.name, row["Id"], row)

    def delete(self, entity: EntitySet, key: str, transaction: Transaction) -> None:
        with self._lock:
            self.row(entity, key, transaction)
            transaction.rows[entity.name, key] = None
            transaction.note("delete", entity.name, key, {})

    def commit(self, transaction: Transaction) -> None:
        """Store the changes. Raises the refusal of the first broken rule, and stores nothing."""
        with self._lock:
            for (name, _), row in transaction.rows.items():
                if row is not None:
                    self._check(self.sets[name], row, transaction)
            for (name, key), row in transaction.rows.items():
                _store(self.sets[name], key, row)
            transaction.rows.clear()

    def _check(self, entity: EntitySet, row: Row, transaction: Transaction) -> None:
        others = self.rows(entity, transaction)
        code = row.get(entity.code)
        if any(o["Id"] != row["Id"] and o.get(entity.code) == code for o in others):
            raise _duplicate(entity, code)
        known = rows_by_odata_id(self.sets)
        for rule in self.rules:
            if rule.applies(entity.name, transaction.model) and rule.is_broken(row, known):
                raise rule.refusal(row)


def _store(entity: EntitySet, key: str, row: Row | None) -> None:
    old = entity.find(key)
    if row is None and old is not None:
        entity.rows.remove(old)
    elif row is not None and old is not None:
        old.update(row)
    elif row is not None:
        entity.rows.append(row)


_DUPLICATES: Mapping[str, str] = {
    "en": "Duplicates are not allowed in table '{0}'.\n\n"
    "Two records may not have the same values in these fields.\n\nFields: ({1})\n\n"
    "Duplicated value: ({2})\n\nIndex: {3}\n\n"
    "Delete the other record, or change one of the values.",
    "bg": "Таблицата '{0}' не допуска повторения.\n\n"
    "Два записа не могат да имат еднакви стойности в тези полета.\n\nПолета: ({1})\n\n"
    "Повтаряща се стойност: ({2})\n\nИндекс: {3}\n\n"
    "Изтрийте другия запис или променете една от стойностите.",
}


def _duplicate(entity: EntitySet, code: Any) -> ApiRefusalError:
    table, index = f"dbo.{entity.name}_Table", f"IX_{entity.name}_{entity.code}"
    parameters: Sequence[str] = [table, entity.code, str(code), index]
    texts = {language: text.format(*parameters) for language, text in _DUPLICATES.items()}
    return ApiRefusalError(
        texts,
        code=DUPLICATE,
        kind=INSTANCE_ERROR,
        formats=_DUPLICATES,
        parameters=list(parameters),
    )
