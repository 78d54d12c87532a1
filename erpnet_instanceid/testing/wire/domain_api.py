"""A small part of the Domain API, with licences that run out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Response, request

from ..world.refusals import ApiRefusalError, forbidden, no_licence, not_found
from ..world.state import World
from .access import TokenRefusedError, bearer_claims, session_holder
from .api_answers import api_json, refusal
from .language import asked_language

ODATA_ROOT = "/api/domain/odata/"
_READ_ONLY = {"Id", "Number", "CreationTime"}


def customers(world: World, path: str) -> Response:
    """`Crm_Sales_Customers`: a page of them, one of them, or a change to one."""
    language = asked_language()
    try:
        claims = _admit(world)
        return _answer(world, path, claims)
    except TokenRefusedError as refused:
        return refused.response()
    except ApiRefusalError as error:
        return refusal(world, error, language)
    except InsufficientScopeError as error:
        response = refusal(world, forbidden(str(error)), language)
        response.headers["WWW-Authenticate"] = error.challenge
        return response


class InsufficientScopeError(Exception):
    """The token lacks a scope. RFC 6750 section 3.1."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"The token lacks the scope {scope}.")
        self.challenge = f'Bearer error="insufficient_scope", scope="{scope}"'


def _admit(world: World) -> dict[str, Any]:
    """The caller's claims. Raises what is wrong with the token, or that no licence is free."""
    claims = bearer_claims(world, request.headers.get("Authorization"))
    if "DomainAPI" not in claims.get("aud", []):
        raise forbidden("The token is not for the Domain API.")
    if "sub" in claims and claims.get("user_type") != "InternalUser":
        raise forbidden("External users have no API access.")
    if not {"read", "update"} & set(claims.get("scope", [])):
        raise InsufficientScopeError("read")
    if world.use_api(session_holder(claims), is_service="sub" not in claims) is None:
        raise no_licence()
    return claims


def _answer(world: World, path: str, claims: dict[str, Any]) -> Response:
    if path == "Crm_Sales_Customers" and request.method == "GET":
        return _page_of_customers(world)
    if path.startswith("Crm_Sales_Customers(") and path.endswith(")"):
        return _one_customer(world, path[len("Crm_Sales_Customers(") : -1], claims)
    raise not_found(f"{request.method} {path}")


def _page_of_customers(world: World) -> Response:
    try:
        top = int(request.args.get("$top", len(world.customers)))
        skip = int(request.args.get("$skip", 0))
    except ValueError:
        raise ApiRefusalError("$top and $skip are numbers.") from None
    page = world.customers[skip : skip + max(0, min(top, world.page_size))]
    answer: dict[str, Any] = {
        "@odata.context": f"{world.url}{ODATA_ROOT}$metadata#Crm_Sales_Customers",
        "value": page,
    }
    if request.args.get("$count") == "true":
        answer["@odata.count"] = len(world.customers)
    following = skip + len(page)
    if page and following < len(world.customers):
        # As the instance has it: relative, and past $top, which is how large a page is.
        query = urlencode({**request.args, "$skip": following}, safe="$")
        answer["@odata.nextLink"] = f"Crm_Sales_Customers?{query}"
    return api_json(answer)


def _one_customer(world: World, key: str, claims: dict[str, Any]) -> Response:
    found = next((c for c in world.customers if c["Id"] == key.strip("'")), None)
    if found is None:
        raise not_found(f"Crm_Sales_Customers({key})")
    if request.method == "PATCH":
        if "update" not in claims.get("scope", []):
            raise InsufficientScopeError("update")
        changes = request.get_json(silent=True)
        if not isinstance(changes, dict) or not changes.keys() <= found.keys() - _READ_ONLY:
            raise ApiRefusalError("Unknown or read-only fields.")
        found.update(changes)
    elif request.method != "GET":
        raise ApiRefusalError("Read or change one.", status=405)
    return api_json(found)
