"""The Domain API over HTTP: checks the caller, and sends answers and refusals."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, request

from ..world.api_sessions import ApiSession
from ..world.limits import TooManyRequestsError
from ..world.refusals import ApiRefusalError, forbidden, no_licence
from ..world.state import World
from ..world.usage import use_api
from .access import TokenRefusedError, bearer_claims, session_holder
from .api_answers import api_json, refusal, too_many_requests
from .language import asked_language
from .odata.calls import ApiAnswer, ApiCall, InsufficientScopeError
from .odata.operations import run
from .odata.transactions import open_transaction


def domain_api(world: World, path: str) -> Response:
    """Answer the request for a path below the service root."""
    try:
        return _response(run(world, _call(world, path)))
    except TokenRefusedError as refused:
        return refused.response()
    except TooManyRequestsError as error:
        return too_many_requests(error)
    except InsufficientScopeError as error:
        response = refusal(world, error.refusal, asked_language())
        response.headers["WWW-Authenticate"] = error.challenge
        return response
    except ApiRefusalError as error:
        return refusal(world, error, asked_language())


def _call(world: World, path: str) -> ApiCall:
    claims = bearer_claims(world, request.headers.get("Authorization"))
    session = _admit(world, claims)
    return ApiCall(
        method=request.method,
        path=path,
        query=request.args.to_dict(),
        body=request.get_data(),
        language=asked_language(),
        scopes=frozenset(claims.get("scope", [])),
        session=session,
        transaction=open_transaction(world, session, request.headers.get("TransactionId")),
        content_type=request.headers.get("Content-Type", ""),
    )


def _admit(world: World, claims: dict[str, Any]) -> ApiSession:
    """The caller's session. Raises a refusal for a wrong token, or if no licence is free."""
    if "DomainAPI" not in claims.get("aud", []):
        raise forbidden("The token is not for the Domain API.")
    if "sub" in claims and claims.get("user_type") != "InternalUser":
        raise forbidden("External users have no API access.")
    if not {"read", "update"} & set(claims.get("scope", [])):
        raise InsufficientScopeError("read")
    session = use_api(world, session_holder(claims), is_service="sub" not in claims)
    if session is None:
        raise no_licence()
    return session


def _response(answer: ApiAnswer) -> Response:
    if answer.content is None:
        return api_json(answer.value, answer.status)
    response = make_response(answer.content, answer.status)
    response.headers["Content-Type"] = answer.content_type
    response.headers.update(answer.headers)
    return response
