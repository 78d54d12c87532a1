"""Printouts of the instance's documents, as downloads."""

from __future__ import annotations

import base64
import io

import requests
from django.http import FileResponse

from ..oidc import http
from ..oidc.errors import InvalidResponse
from .answers import json_object
from .query import Reference
from .session import InstanceSession

__all__ = ["printout"]


def printout(
    api: InstanceSession,
    document: Reference,
    filename: str,
    *,
    file_format: str = "pdf",
    layout: Reference | None = None,
) -> FileResponse:
    """A download with the printout of ``document``, for a view to return.

    ``layout`` is one of the instance's printouts (General_Printouts); without it the instance
    chooses. ErpNetDocs, model, General.Documents.Documents, GetPrintout.
    """
    wanted: dict[str, object] = {"fileFormat": file_format}
    if layout is not None:
        wanted["printout"] = {"@odata.id": str(layout)}
    answer = api.post(f"{document}/GetPrintout", json=wanted)
    content = _content(answer)
    if not content or _is_page_instead(answer, file_format):
        raise InvalidResponse("not_a_file", url=http.shown_address(answer.url))
    return FileResponse(io.BytesIO(content), as_attachment=True, filename=filename)


def _is_page_instead(answer: requests.Response, file_format: str) -> bool:
    # A proxy in front of the instance may answer with a page of its own.
    return _kind(answer) == "text/html" and "htm" not in file_format.lower()


def _kind(answer: requests.Response) -> str:
    return answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _content(answer: requests.Response) -> bytes:
    """The file in the answer: as it is, or in Base64, or in Base64 in JSON."""
    kind = _kind(answer)
    if kind == "application/json":
        return _decoded(json_object(answer).get("value"), answer.url)
    if kind == "text/plain" and "Content-Disposition" not in answer.headers:
        return _decoded(answer.text, answer.url)
    return answer.content


def _decoded(text: object, url: str) -> bytes:
    refused = InvalidResponse("not_a_file", url=http.shown_address(url))
    if not isinstance(text, str):
        raise refused
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise refused from None
