"""The HTTP server of a stand-in: it uses threads, keeps connections and ends cleanly."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment


class _Handler(WSGIRequestHandler):
    """Answers like Werkzeug's own handler, but keeps connections open and logs nothing.

    Real instances keep connections. Werkzeug closes them, because it would take an unread body
    for the next request; but the gate reads every body to its end.
    """

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self._connection = next(self.server.connection_numbers)

    def make_environ(self) -> WSGIEnvironment:
        return {**super().make_environ(), "stand_in.connection": self._connection}

    def run_wsgi(self) -> None:
        answer: dict[str, Any] = {}

        def start_response(
            status: str, headers: list[tuple[str, str]], _exc_info: object = None
        ) -> Any:
            answer.update(status=status, headers=headers)

        try:
            chunks = self.server.app(self.make_environ(), start_response)
            try:
                self._send(answer["status"], answer["headers"], chunks)
            finally:
                if hasattr(chunks, "close"):
                    chunks.close()
        except (TimeoutError, ConnectionError):
            self.close_connection = True

    def _send(self, status: str, headers: list[tuple[str, str]], chunks: Any) -> None:
        code, _, reason = status.partition(" ")
        self.send_response_only(int(code), reason)
        if not any(name.lower() == "date" for name, _ in headers):
            # The instance's clock, because a test may have changed it.
            self.send_header("Date", self.date_time_string(self.server.now()))
        for name, value in headers:
            self.send_header(name, value)
        promised = next((v for name, v in headers if name.lower() == "content-length"), None)
        if promised is None and int(code) not in {204, 304}:
            self.close_connection = True
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        sent = 0
        if self.command != "HEAD":
            for chunk in chunks:
                self.wfile.write(chunk)
                sent += len(chunk)
            if promised is not None and promised != str(sent):
                self.close_connection = True

    def log_request(self, code: object = "-", size: object = "-") -> None:
        pass

    def log_error(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def _not_ready(_environ: object, start_response: Any) -> list[bytes]:
    start_response("503 Service Unavailable", [("Content-Length", "0")])
    return []


class Server(ThreadedWSGIServer):
    """One thread per connection. `close` ends them all and waits until they are gone."""

    app: WSGIApplication
    now: Callable[[], float] = time.time

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._is_closing = False
        self._connections: set[Any] = set()
        self._serving: list[threading.Thread] = []
        self._connections_lock = threading.Lock()
        self.connection_numbers = itertools.count(1)
        super().__init__(host, port, _not_ready, _Handler, ssl_context=tls)
        self._thread = threading.Thread(target=self._accept, name="instance-server", daemon=True)

    def _accept(self) -> None:
        while not self._is_closing:
            self.handle_request()
        self.server_close()

    def start(self, app: WSGIApplication, now: Callable[[], float]) -> None:
        """Start to answer with ``app``. ``now`` is the clock for Date headers."""
        self.app, self.now = app, now
        self._thread.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="instance-connection",
            daemon=True,
        )
        with self._connections_lock:
            self._connections.add(request)
        # A thread ends a moment after its connection, so `close` must still know it then.
        self._serving = [*filter(threading.Thread.is_alive, self._serving), thread]
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close(self) -> None:
        self._is_closing = True
        # Wakes the thread that waits for connections. An error means that it has already ended.
        with contextlib.suppress(OSError):
            socket.create_connection((self.host, self.port), timeout=5).close()
        self._thread.join()
        with self._connections_lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._serving:
            thread.join(timeout=5)
