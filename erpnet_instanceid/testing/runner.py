"""Starts and ends a stand-in."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .control import add_control
from .instance import Instance
from .wire.app import create_app
from .wire.gate import Gate
from .wire.server import Server


@contextmanager
def run_instance(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    tls: ssl.SSLContext | None = None,
    public_url: str | None = None,
    control: bool = False,
    **fields: Any,
) -> Iterator[Instance]:
    """A running stand-in; port 0 picks a free one. `fields` are those of `Instance`.

    Threads of this process answer. When the block ends, its threads and sockets are gone.
    `public_url` is the URL for browsers and sites, if not host and port. With `control`, anyone
    who can reach the stand-in can change it (`RemoteInstance`).
    """
    server = Server(host, port, tls)
    scheme = "http" if tls is None else "https"
    name = f"[{host}]" if ":" in host else host
    instance = Instance(public_url or f"{scheme}://{name}:{server.port}", **fields)
    app = create_app(instance)
    if control:
        add_control(app, instance)
    server.start(Gate(app, instance), instance.now)
    try:
        yield instance
    finally:
        instance.close()
        server.close()
