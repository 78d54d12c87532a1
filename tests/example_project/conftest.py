"""The example site in processes of its own, and somebody who shops there."""

from __future__ import annotations

import re
import socket
from contextlib import closing
from urllib.parse import urlsplit

import pytest
import requests

from ..support.demo import run_demo
from ..support.visitor import Visitor


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_open(url):
    parts = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname, parts.port)) == 0


class Shopper(Visitor):
    """A visitor who follows redirects on the site and looks at the page they end on."""

    page: requests.Response

    def open(self, path):
        """The page at `path`, or the instance's sign-in page where the site sends there."""
        self.page = self.get(path, allow_redirects=True)
        return self.page

    def press(self, path, data=None):
        """Presses a button, of a form with these fields; the page after it."""
        response = self.post(path, data)
        if response.is_redirect:
            return self.open(response.headers["Location"])
        self.page = response
        return response

    def sign_in_at(self, path, login):
        """Opens a page that asks for a sign-in and passes the instance; the page after it."""
        return self.pass_instance(self.get(path), login)

    def pass_instance(self, response, login):
        """Goes where the site redirects to, through the instance; the page after it."""
        while urlsplit(response.headers["Location"]).path != "/id/connect/authorize":
            response = self.get(response.headers["Location"])
        response = self.bring(self.at(response.headers["Location"], login))
        if response.is_redirect:
            return self.open(response.headers["Location"])
        self.page = response
        return response

    @property
    def basket_count(self):
        return int(re.search(r'id="basket-count">(\d+)<', self.page.text)[1])


@pytest.fixture(scope="module")
def running_demo():
    with run_demo("--control") as running:
        yield running


@pytest.fixture
def demo(running_demo):
    """A demo whose stand-in may be spoilt."""
    yield running_demo
    running_demo.instance.reset()


@pytest.fixture
def shopper(demo):
    with closing(Shopper(demo.shop)) as shopper:
        yield shopper
