"""The site under test over TLS, at host names of its own: ``python -m tests.browser.tls_site``.

Takes a file with key and certificate, and ``wsgi`` or ``asgi``; prints its port.
"""

import socket
import ssl
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import uvicorn
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler, StaticFilesHandler
from django.core.asgi import get_asgi_application
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Handler(WSGIRequestHandler):
    def get_environ(self):
        return {**super().get_environ(), "HTTPS": "on"}

    def log_message(self, *_args):
        pass


def serve_wsgi(certificate):
    application = StaticFilesHandler(get_wsgi_application())
    server = make_server("127.0.0.1", 0, application, Server, Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print("port", server.server_port, flush=True)  # noqa: T201
    server.serve_forever()


def serve_asgi(certificate):
    application = ASGIStaticFilesHandler(get_asgi_application())
    config = uvicorn.Config(application, ssl_certfile=certificate, access_log=False)
    listener = socket.create_server(("127.0.0.1", 0))
    print("port", listener.getsockname()[1], flush=True)  # noqa: T201
    uvicorn.Server(config).run([listener])


def main(certificate, interface):
    # Settings are read here, so that the tables are there before the first request.
    get_wsgi_application()
    call_command("migrate", verbosity=0)
    {"wsgi": serve_wsgi, "asgi": serve_asgi}[interface](certificate)


if __name__ == "__main__":
    main(*sys.argv[1:])
