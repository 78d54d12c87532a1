"""The site under test in a process whose name server takes as long as a page tells it."""

from __future__ import annotations

import socket
import time
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from erpnet_instanceid.oidc import http

look_up = socket.getaddrinfo
seconds = 0.0


def slowly(*args: Any, **kwargs: Any) -> Any:
    time.sleep(seconds)
    return look_up(*args, **kwargs)


socket.getaddrinfo = slowly


def names(request: HttpRequest) -> HttpResponse:
    """From now on each look-up takes so many seconds. A connection that is open needs none."""
    global seconds
    seconds = float(request.GET["seconds"])
    http.forget_connections()
    return HttpResponse()


urlpatterns = [path("names", names), path("", include("tests.urls"))]
