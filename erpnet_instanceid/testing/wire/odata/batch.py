"""$batch: several calls in one request. ErpNetDocs, domain-api/data-manipulation/batch."""

from __future__ import annotations

import dataclasses
import http
import re
from collections.abc import Callable, Mapping
from email.message import MIMEPart
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl, unquote

from ...world.encoding import encode_json
from ...world.entities import new_id
from ...world.refusals import ApiRefusalError
from ...world.state import World
from ...world.transactions import Transaction
from .calls import ODATA_ROOT, ApiAnswer, ApiCall, InsufficientScopeError

Run = Callable[[World, ApiCall], ApiAnswer]

_REQUEST = re.compile(r"(?P<method>[A-Z]+) (?P<url>\S+)(?: HTTP/[\d.]+)?\s*")


@dataclasses.dataclass(frozen=True)
class _Part:
    """One call of the batch, with the Content-ID that others refer to."""

    call: ApiCall
    content_id: str


def run_batch(world: World, call: ApiCall, run: Run) -> ApiAnswer:
    """The answers in the order of the calls. A change set is done as a whole or not at all."""
    boundary = f"batchresponse_{new_id()}"
    answers = [
        _change_set(world, call, part, run)
        if part.get_content_maintype() == "multipart"
        else _application_http(_run_part(world, _part(call, part), run))
        for part in _parts(call.content_type, call.body)
    ]
    return ApiAnswer(
        content=_multipart(answers, boundary), content_type=f"multipart/mixed; boundary={boundary}"
    )


def _parts(content_type: str, body: bytes) -> list[MIMEPart]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP.clone(max_line_length=0)).parsebytes(head + body)
    if not message.is_multipart():
        raise ApiRefusalError("The body of $batch is not multipart/mixed.")
    return list(message.iter_parts())


def _part(outer: ApiCall, part: MIMEPart, made: Mapping[str, str] | None = None) -> _Part:
    """The call in a part. `$1` in its URL is the row that the part with Content-ID 1 made."""
    raw = part.get_payload(decode=True)
    text = raw.decode() if isinstance(raw, bytes) else ""
    head, _, body = text.lstrip().replace("\r\n", "\n").partition("\n\n")
    match = _REQUEST.fullmatch(head.partition("\n")[0])
    if match is None:
        raise ApiRefusalError("A part of $batch does not begin with a request line.")
    path, _, query = match["url"].partition("?")
    path = unquote(path).partition(ODATA_ROOT)[2] or unquote(path)
    for content_id, row in (made or {}).items():
        path = re.sub(rf"^\${re.escape(content_id)}(?=/|$)", row, path)
    call = dataclasses.replace(
        outer,
        method=match["method"],
        path=path,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        body=body.strip().encode(),
    )
    return _Part(call, str(part.get("Content-ID") or ""))


def _run_part(world: World, part: _Part, run: Run) -> ApiAnswer:
    try:
        return run(world, part.call)
    except (ApiRefusalError, InsufficientScopeError) as error:
        return _wrapped(error, part.call.language)


def _wrapped(error: ApiRefusalError | InsufficientScopeError, language: str) -> ApiAnswer:
    """In a batch the error is always wrapped."""
    refusal = error.refusal if isinstance(error, InsufficientScopeError) else error
    return ApiAnswer(refusal.status, {"error": refusal.fields(language)})


def _change_set(world: World, outer: ApiCall, message: MIMEPart, run: Run) -> bytes:
    """The answers to all calls, or that to the call that was refused."""
    boundary = f"changesetresponse_{new_id()}"
    transaction = outer.transaction or Transaction()
    inner = dataclasses.replace(outer, transaction=transaction)
    answers: list[bytes] = []
    made: dict[str, str] = {}
    part = _Part(inner, "")
    try:
        for raw in message.iter_parts():
            part = _part(inner, raw, made)
            answer = run(world, part.call)
            if answer.status == 201:
                made[part.content_id] = answer.value["@odata.id"]
            answers.append(_application_http(answer, part.content_id))
        if outer.transaction is None:
            world.data.commit(transaction)
    except (ApiRefusalError, InsufficientScopeError) as error:
        answers = [_application_http(_wrapped(error, outer.language), part.content_id)]
    head = f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n".encode()
    return head + _multipart(answers, boundary)


def _application_http(answer: ApiAnswer, content_id: str = "") -> bytes:
    body = encode_json(answer.value) if answer.content is None else answer.content
    phrase = http.HTTPStatus(answer.status).phrase
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if content_id:
        lines.append(f"Content-ID: {content_id}")
    lines += ["", f"HTTP/1.1 {answer.status} {phrase}"]
    lines.append(f"Content-Type: {answer.content_type or 'application/json;charset=utf-8'}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _multipart(parts: list[bytes], boundary: str) -> bytes:
    delimiter = f"--{boundary}".encode()
    return b"".join(b"%s\r\n%s\r\n" % (delimiter, part) for part in parts) + delimiter + b"--\r\n"
