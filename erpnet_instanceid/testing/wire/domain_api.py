"""A small part of the Domain API, with licences that run out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Response, jsonify, request

from ..world.people import person_id
from ..world.state import World
from .access import TokenRefusedError, bearer_claims

ODATA_ROOT = "/api/domain/odata/"
_READ_ONLY = {"Id", "Number", "CreationTime"}


def customers(world: World, path: str) -> Response:
    """`Crm_Sales_Customers`: a page of them, one of them, or a change to one."""
    claims, refused = admit(world)
    if refused is not None:
        return refused
    if path == "Crm_Sales_Customers" and request.method == "GET":
        return _page_of_customers(world)
    if path.startswith("Crm_Sales_Customers(") and path.endswith(")"):
        return _one_customer(world, path[len("Crm_Sales_Customers(") : -1], claims)
    return api_error(f"There is no {request.method} {path}.", "NotFound", status=404)


def admit(world: World) -> tuple[dict[str, Any], Response | None]:
    """The caller's claims, or the answer that turns them away."""
    try:
        claims = bearer_claims(world, request.headers.get("Authorization"))
    except TokenRefusedError as refused:
        return {}, refused.response()
    if "DomainAPI" not in claims.get("aud", []):
        return {}, api_error("The token is not for the Domain API.", "Forbidden", status=403)
    if "sub" in claims and claims.get("user_type") != "InternalUser":
        return {}, api_error("External users have no API access.", "Forbidden", status=403)
    if not {"read", "update"} & set(claims.get("scope", [])):
        return {}, _insufficient_scope("read")
    holder = str(claims.get("sid") or claims.get("jti"))
    if not world.licences.take(holder, world.now()):
        return {}, api_error(
            "MaximumLicenseCountExceeded: all licences are in use.", "MaximumLicenseCountExceeded"
        )
    return claims, None


def api_error(message: str, code: str, *, status: int = 500) -> Response:
    """An error the way the instance words it; `info` holds a stack trace there."""
    response = jsonify(
        message=message,
        code=code,
        type="ApplicationException",
        info="   at Erp.Domain.Api.Execute() in Api.cs:line 1",
    )
    response.status_code = status
    return response


def _insufficient_scope(scope: str) -> Response:
    response = api_error(f"The token lacks the scope {scope}.", "Forbidden", status=403)
    response.headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{scope}"'
    return response


def _page_of_customers(world: World) -> Response:
    try:
        top = int(request.args.get("$top", len(world.customers)))
        skip = int(request.args.get("$skip", 0))
    except ValueError:
        return api_error("$top and $skip are numbers.", "BadRequest", status=400)
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
    return jsonify(answer)


def _one_customer(world: World, key: str, claims: dict[str, Any]) -> Response:
    found = next((c for c in world.customers if c["Id"] == key.strip("'")), None)
    if found is None:
        return api_error(f"There is no customer {key}.", "NotFound", status=404)
    if request.method == "PATCH":
        if "update" not in claims.get("scope", []):
            return _insufficient_scope("update")
        changes = request.get_json(silent=True)
        if not isinstance(changes, dict) or not changes.keys() <= found.keys() - _READ_ONLY:
            return api_error("Unknown or read-only fields.", "BadRequest", status=400)
        found.update(changes)
    elif request.method != "GET":
        return api_error("Read or change one.", "MethodNotAllowed", status=405)
    return jsonify(found)


def current_user(world: World) -> Response:
    """The profile site's `me`: people only, not service tokens."""
    try:
        claims = bearer_claims(world, request.headers.get("Authorization"))
    except TokenRefusedError as refused:
        return refused.response()
    person = world.people.of_token(claims)
    if person is None:
        return api_error("This is not a person's token.", "Forbidden", status=403)
    answer = {
        "id": person.id,
        "login": person.login,
        "name": person.name,
        "email": person.email,
        "isAdmin": person.is_admin,
        "isActive": person.is_active,
        "userType": person.user_type,
        "preferredLanguage": person.locale,
        "picture": f"{world.url}/profile/pictures/{person_id(person.id)}",
    }
    return jsonify(world.changes.apply("me", answer))
