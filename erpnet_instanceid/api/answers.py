"""Reads the answers of the instance's APIs."""

from __future__ import annotations

import json
from typing import Any

import requests
import urllib3

from ..oidc import http
from ..oidc.errors import InstanceIDError, InstanceUnavailable, InvalidResponse
from ..oidc.pool import deadline
from .calls import TOO_MANY_REQUESTS
from .errors import read_api_error

# A proxy in front of the instance sends these. The instance's own errors are 500 with a text.
UNAVAILABLE = frozenset({502, 503, 504})


def read_page(answer: requests.Response) -> tuple[list[Any], str | None]:
    """The entities of a page of a collection, and the link to the next page."""
    page = json_object(answer)
    values, link = page.get("value"), page.get("@odata.nextLink")
    if not isinstance(values, list):
        raise InvalidResponse("not_a_collection", url=http.shown_address(answer.url))
    return values, link if link and isinstance(link, str) else None


def json_object(response: requests.Response) -> dict[str, Any]:
    """The JSON object in an answer. Raises InvalidResponse if it has none."""
    try:
        # From the bytes: .NET may write a mark of their order first, which text may not have.
        answer = json.loads(response.content)
    except (ValueError, RecursionError):
        raise InvalidResponse("not_json", url=http.shown_address(response.url)) from None
    if not isinstance(answer, dict):
        raise InvalidResponse("not_a_json_object", url=http.shown_address(response.url))
    return answer


def refusal(response: requests.Response, limits: http.Limits) -> InstanceIDError:
    """The error for an answer with a status of 400 or more."""
    body = b""
    try:
        with deadline(limits.deadline):
            http.read_body(response, http.MAX_ANSWER_BYTES)
        body = response.content
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, InstanceIDError):
        pass
    finally:
        response.close()
    url = http.shown_address(str(response.url))
    if response.status_code == TOO_MANY_REQUESTS:
        return InstanceUnavailable("too_many_requests", url=url, status=response.status_code)
    if response.status_code in UNAVAILABLE:
        return InstanceUnavailable("server_error", url=url, status=response.status_code)
    return read_api_error(response.status_code, body, url)
