"""The example site in processes of its own, and somebody who shops there."""

import re
import socket
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from ..support.demo import run_demo
from ..support.visitor import Visitor


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def port_is_open(url):
    parts = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname, parts.port)) == 0


class Shopper(Visitor):
    """A visitor who follows redirects on the site and looks at the page they end on."""

    def open(self, path):
        """The page at `path`, or the instance's sign-in page where the site sends there."""
        return self._shown(self.get(path))

    def press(self, path, data=None):
        """Presses a button, of a form with these fields; the page after it."""
        return self._shown(self.post(path, data))

    def sign_in_at(self, path, login):
        """Opens a page that asks for a sign-in and passes the instance; the page after it."""
        response = self.get(path)
        while urlsplit(response.headers["Location"]).path != "/id/connect/authorize":
            response = self.get(response.headers["Location"])
        return self._shown(self.bring(self.at(response.headers["Location"], login)))

    def _shown(self, response):
        if response.is_redirect:
            response = self.get(response.headers["Location"], allow_redirects=True)
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
