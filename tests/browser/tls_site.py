"""The site under test over TLS, at host names of its own: ``python -m tests.browser.tls_site``.

Takes a file with key and certificate; prints its port.
"""

from __future__ import annotations

import ssl
import sys
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Handler(WSGIRequestHandler):
    def get_environ(self) -> dict[str, Any]:
        return {**super().get_environ(), "HTTPS": "on"}

    def log_message(self, *_args: Any) -> None:
        pass


def main(certificate: str) -> None:
    application = get_wsgi_application()
    call_command("migrate", verbosity=0)
    server = make_server("127.0.0.1", 0, StaticFilesHandler(application), Server, Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print("port", server.server_port, flush=True)  # noqa: T201
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
