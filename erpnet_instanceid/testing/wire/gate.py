"""Stands in front of the instance: records each request and applies its fault, if any."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import EnvironHeaders, Headers
from werkzeug.wrappers import Response

from ..world.faults import Fault
from ..world.limits import TooManyRequestsError
from ..world.recording import RecordedRequest, endpoint_of, parse_fields
from ..world.state import World
from ..world.usage import request_limits
from .access import TokenRefusedError, bearer_claims, session_holder
from .api_answers import too_many_requests

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class ConnectionDroppedError(ConnectionAbortedError):
    """Closes the connection without sending another byte."""


class Gate:
    def __init__(self, app: WSGIApplication, world: World) -> None:
        self._app = app
        self._world = world

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = _read_body(environ)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        path = environ["PATH_INFO"]
        if path.startswith("/_stand_in/"):
            return self._app(environ, start_response)
        request = _record(environ, path, body)
        try:
            turn = self._turn(request)
        except TooManyRequestsError as error:
            return too_many_requests(error)(environ, start_response)
        finally:
            # A test that sees a request in the recording may rely on its place in the queue.
            self._world.recording.add(request)
        with turn:
            return self._answer(request, environ, start_response)

    def _turn(self, request: RecordedRequest) -> AbstractContextManager[None]:
        """The request's turn among those of its session. Raises TooManyRequestsError."""
        if request.endpoint != "api":
            return nullcontext()
        try:
            claims = bearer_claims(self._world, request.headers.get("Authorization"))
        except TokenRefusedError:
            return nullcontext()
        holder = session_holder(claims)
        return self._world.limiter.queue(holder, request_limits(self._world), self._world.now())

    def _answer(
        self, request: RecordedRequest, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        fault = self._world.faults.take(request)
        if fault is None:
            return self._app(environ, start_response)
        return self._misbehave(fault, environ, start_response)

    def _misbehave(
        self, fault: Fault, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        stopping = self._world.stopping
        stopping.wait(fault.hold)
        if fault.drop == "before":
            raise ConnectionDroppedError
        response = _replacement(fault)
        if fault.work or not fault.replaces or fault.drop == "after":
            real = Response.from_app(self._app, environ, buffered=True)
            if not fault.replaces:
                response = real
                for name, value in fault.headers:
                    response.headers[name] = value
        stopping.wait(fault.delay)
        if fault.drop == "after":
            raise ConnectionDroppedError
        chunks: Iterable[bytes] = response(environ, start_response)
        return _drip(chunks, fault.drip, stopping) if fault.drip else chunks


def _read_body(environ: WSGIEnvironment) -> bytes:
    stream: Any = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        return bytes(stream.read())
    try:
        length = max(0, int(environ.get("CONTENT_LENGTH") or 0))
    except ValueError:
        length = 0
    return bytes(stream.read(length)) if length else b""


def _record(environ: WSGIEnvironment, path: str, body: bytes) -> RecordedRequest:
    is_form = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
    return RecordedRequest(
        endpoint=endpoint_of(path),
        method=environ["REQUEST_METHOD"],
        path=path,
        query=parse_fields(environ.get("QUERY_STRING", "")),
        form=parse_fields(body.decode(errors="replace")) if is_form else [],
        headers=Headers(list(EnvironHeaders(environ))),
        body=body,
        connection=environ["stand_in.connection"],
    )


def _replacement(fault: Fault) -> Response:
    status = 200 if fault.status is None else fault.status
    content = fault.body() if callable(fault.body) else fault.body
    response = Response(content, status=status)
    for name, value in fault.headers:
        if name.lower() in {"content-type", "content-length"}:
            response.headers.remove(name)
        response.headers.add(name, value)
    return response


def _drip(chunks: Iterable[bytes], per_second: float, stopping: threading.Event) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(len(chunk)):
            yield chunk[start : start + 1]
            if stopping.wait(1 / per_second):
                raise ConnectionDroppedError
