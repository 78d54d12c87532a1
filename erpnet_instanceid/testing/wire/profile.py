"""The profile site's `/me`. ErpNetDocs, building-apps/concepts/profile-site-endpoints."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from ..world.people import Person, person_id
from ..world.refusals import ApiRefusalError, forbidden
from ..world.state import World
from .access import TokenRefusedError, bearer_claims
from .api_answers import api_json, refusal
from .language import asked_language


def current_user(world: World) -> Response:
    """The signed-in person. Service tokens are refused."""
    try:
        person = _person(world)
    except TokenRefusedError as refused:
        return refused.response()
    except ApiRefusalError as error:
        return refusal(world, error, asked_language())
    response = api_json(world.changes.apply("me", _me(world, person)))
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Language"] = asked_language(person.locale)
    return response


def _person(world: World) -> Person:
    claims = bearer_claims(world, request.headers.get("Authorization"))
    person = world.people.of_token(claims)
    if person is None:
        raise forbidden("This is not a person's token.")
    return person


def _me(world: World, person: Person) -> dict[str, Any]:
    site = f"{world.url}/profile"
    return {
        "id": person.id,
        "login": person.login,
        "name": person.name,
        "email": person.email or None,
        "phoneNumber": person.phone_number or None,
        "isAdmin": person.is_admin,
        "isActive": person.is_active,
        "userType": person.user_type,
        "preferredLanguage": person.locale,
        "pictureUrl": None,
        "largePictureUrl": None,
        "person": {"id": person_id(f"person {person.id}"), "name": person.name},
        "domain": {"id": person_id("domain default"), "name": "default"},
        "instance": {"database": world.database, "url": world.url},
        "links": {
            "profile": f"{site}/",
            "changePassword": f"{site}/security/password",
            "accessTokens": f"{site}/security/tokens",
            "devices": f"{site}/devices",
        },
    }
