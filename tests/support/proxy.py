"""A reverse proxy that ends TLS, set up well or badly."""

import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

TELLS_HTTPS = {"X-Forwarded-Proto": "https"}


@contextmanager
def run_proxy(site, tls, *, headers=TELLS_HTTPS, keeps_host=True, prefix="", drops=""):
    """The https address of a proxy in front of ``site``.

    It adds ``headers``, and passes the visitor's Host on if ``keeps_host``. It takes ``prefix``
    away from the path, and the header ``drops`` from the answer.
    """
    upstream = urlsplit(site).netloc

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            connection = HTTPConnection(upstream, timeout=10)
            host = self.headers["Host"] if keeps_host else upstream
            path = self.path.removeprefix(prefix)
            connection.request("GET", path, headers={**self.headers, "Host": host, **headers})
            answer = connection.getresponse()
            body = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name != drops:
                    self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
            connection.close()

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
