"""Entity sets: what their rows look like, and the rows themselves."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

Row = dict[str, Any]


class Kind(Enum):
    """The kind of a field decides how `$filter` may compare it."""

    ID = "id"
    TEXT = "text"
    LANGUAGES = "languages"  # {"EN": "Apple", "BG": "Ябълка"}
    CHOICE = "choice"
    NUMBER = "number"
    AMOUNT = "amount"  # {"Value": 3.45, "Currency": "EUR"}
    FLAG = "flag"
    DATE = "date"
    REFERENCE = "reference"  # {"@odata.id": "Crm_Sales_Customers(…)"}


@dataclass(frozen=True)
class Field:
    kind: Kind
    target: str = ""  # the entity set that a reference points to
    is_read_only: bool = False


@dataclass(eq=False)
class EntitySet:
    """Rows of one kind. `code` is the field that names a row to people, unique in the set."""

    name: str
    code: str
    fields: Mapping[str, Field]
    rows: list[Row]

    def find(self, key: str) -> Row | None:
        return next((row for row in self.rows if row["Id"] == key), None)


def odata_id(entity: str, key: str) -> str:
    return f"{entity}({key})"


def reference(entity: str, key: str) -> Row:
    return {"@odata.id": odata_id(entity, key)}


def new_id() -> str:
    return str(uuid.uuid4())
