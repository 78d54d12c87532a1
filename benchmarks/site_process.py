"""One site in a process of its own, which signs people in when told to, and says what it took.

A line of JSON is a command, a line of JSON the answer.
"""

from __future__ import annotations

import gc
import io
import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import requests
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from .browser import Browser, Response, sign_in
from .measure import at_depth, counting
from .parts import shares_of

LOGIN = "maria"


class Site:
    def __init__(self, handler: Any) -> None:
        self._handler = handler
        self._at_instance = requests.Session()
        self._at_instance.trust_env = False
        self.seconds = 0.0

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        path, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": headers.get("Content-Type", ""),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            **{f"HTTP_{name.upper().replace('-', '_')}": headers[name] for name in headers},
        }
        sent: list[Any] = []
        start = time.thread_time()
        chunks = self._handler(environ, lambda status, head, *_: sent.extend((status, head)))
        content = b"".join(chunks)
        chunks.close()
        self.seconds += time.thread_time() - start
        return Response(int(sent[0].split()[0]), sent[1], content)

    def sign_in(self, **kwargs: Any) -> Browser:
        browser = Browser(self.send)
        by_post = getattr(settings, "SIGN_IN_BY_POST", False)
        sign_in(browser, settings.SIGN_IN, self._at_instance, LOGIN, by_post=by_post, **kwargs)
        return browser

    def migrate(self) -> None:
        call_command("migrate", verbosity=0)

    def check(self) -> str:
        """The name of the person who is signed in after a sign-in."""
        return self.sign_in().get("/done").body.decode()

    def seconds_of(self, times: int, depth: int) -> list[float]:
        """CPU of the views, of one sign-in after another."""
        taken = []
        for _ in range(times):
            self.seconds = 0.0
            at_depth(depth, self.sign_in)
            taken.append(self.seconds)
        return taken

    def parts(self, times: int) -> tuple[float, Mapping[str, float]]:
        """CPU seconds of a sign-in, and the share of each part."""
        self.seconds = 0.0
        shares = shares_of(lambda: [self.sign_in() for _ in range(times)])
        return self.seconds / times, shares

    def answer_to(
        self, method: str, path: str, headers: Mapping[str, str], body: str
    ) -> tuple[int, list[tuple[str, str]], str]:
        """For a browser in another process."""
        response = self.send(method, path, headers, body.encode())
        return response.status, response.headers, response.body.decode()

    def branch(self) -> int:
        """The id of a child that answers until `end`. Then this process answers, as before."""
        connections.close_all()
        # A collection in one child and none in another would count as a difference.
        gc.disable()
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        return child or os.getpid()

    def end(self) -> None:
        os._exit(0)

    def queries(self) -> tuple[int, int]:
        """Of the start, and of what follows."""
        with counting() as counts:
            at_start: list[int] = []
            self.sign_in(between=lambda: at_start.append(len(counts.queries)))
        return at_start[0], len(counts.queries) - at_start[0]


def main() -> None:
    from .wsgi import application

    site = Site(application)
    for line in sys.stdin:
        name, arguments = json.loads(line)
        answer = getattr(site, name)(**arguments)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
