"""Answers of the instance's APIs."""

from __future__ import annotations

import math
from typing import Any

from flask import Response, make_response

from ..world.encoding import encode_json
from ..world.limits import TooManyRequestsError
from ..world.refusals import ApiRefusalError
from ..world.state import World

JSON = "application/json;odata.metadata=minimal;IEEE754Compatible=false;charset=utf-8"


def api_json(value: Any, status: int = 200) -> Response:
    response = make_response(encode_json(value), status)
    response.headers["Content-Type"] = JSON
    response.headers["OData-Version"] = "4.0"
    return response


def refusal(world: World, error: ApiRefusalError, language: str) -> Response:
    """The error, flat or wrapped as `World.error_shape` says."""
    fields = error.fields(language)
    return api_json(
        {"error": fields} if world.error_shape == "wrapped" else fields, status=error.status
    )


def too_many_requests(error: TooManyRequestsError) -> Response:
    response = Response(b"", status=429)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    return response
