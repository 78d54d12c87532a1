"""The people that a stand-in instance knows."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

_NAMESPACE = uuid.UUID("7f6c1f2e-6a55-4d0c-9d0e-0d8a8f2c5b11")


def person_id(seed: str) -> str:
    """The same GUID for the same seed, in every run."""
    return str(uuid.uuid5(_NAMESPACE, seed))


@dataclass
class Person:
    """One user of the instance. Change any field at any time: new tokens follow.

    `id` stays when `login` is renamed. `listed` decides whether the sign-in page shows a button.
    """

    login: str
    name: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    email: str = ""
    email_verified: bool = False
    user_type: str = "InternalUser"
    is_admin: bool = False
    locale: str = "en"
    phone_number: str = ""
    is_active: bool = True
    listed: bool = True

    def claims(self) -> dict[str, Any]:
        """The person's claims in an access token, with booleans as strings like the instance."""
        return {
            "id": self.id,
            "name": self.name,
            "email": self.email,
            "email_verified": _as_string(self.email_verified),
            "user_type": self.user_type,
            "is_admin": _as_string(self.is_admin),
            "locale": self.locale,
        }


def _as_string(value: Any) -> Any:
    return ("true" if value else "false") if isinstance(value, bool) else value


class People(dict[str, Person]):
    """People by login."""

    def add(self, login: str, name: str = "", **fields: Any) -> Person:
        """Add a person. If the login is taken, it now belongs to the new person."""
        person = Person(login, name or login, **fields)
        self[login] = person
        return person

    def offered(self) -> list[Person]:
        """The people with a button on the sign-in page."""
        return [person for person in self.values() if person.listed and person.is_active]

    def of_token(self, claims: dict[str, Any]) -> Person | None:
        """The person of an access token, also after a rename. None for a service token."""
        person = self.get(str(claims.get("sub")))
        if person is not None and person.id == claims.get("id", person.id):
            return person
        return next((p for p in self.values() if p.id == claims.get("id")), None)

    def rename(self, old: str, new: str) -> Person:
        """Give the person `old` the login `new`. The `id` and open sessions stay."""
        person = self.pop(old)
        person.login = new
        self[new] = person
        return person


def ready_people() -> People:
    """The people every stand-in starts with.

    `ivan.petrov` and `ivan` are one person before and after a rename: two logins, one `id`.
    """
    people = People()
    people.add(
        "admin",
        "Elena Dimitrova",
        id=person_id("admin"),
        email="admin@company.example",
        email_verified=True,
        is_admin=True,
    )
    people.add(
        "maria",
        "Мария Иванова",
        id=person_id("maria"),
        email="maria@company.example",
        locale="bg",
    )
    people.add(
        "community",
        "Chris Customer",
        id=person_id("community"),
        email="chris@customer.example",
        user_type="ExternalCommunityUser",
    )
    people.add(
        "ivan.petrov",
        "Ivan Petrov",
        id=person_id("ivan"),
        email="ivan@company.example",
    )
    people.add(
        "ivan",
        "Ivan Petrov (renamed)",
        id=person_id("ivan"),
        email="ivan@company.example",
    )
    people.add(
        "robot",
        "Nightly Import",
        id=person_id("robot"),
        user_type="SystemUserNoLogin",
        listed=False,
    )
    return people
