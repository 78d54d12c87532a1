"""The site under test as several server processes over one database."""

import itertools
import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from erpnet_instanceid.testing import RemoteInstance

from ..support.visitor import Visitor
from . import postgres
from .at_once import Asked, send, send_at_once
from .servers import Server, run_server

UNDER_WAY = ThreadPoolExecutor(50)


@dataclass
class Person:
    """A visitor who has signed in: their browser, and the cookie to send by other means."""

    browser: Visitor
    cookie: str


@dataclass
class Site:
    """Server processes that share a database, and the stand-in they know."""

    servers: list[Server]
    instance: RemoteInstance
    database: dict[str, Any]
    browsers: list[Visitor] = field(default_factory=list)

    def new_browser(self, server=0):
        """A visitor, whose browser is closed along with the site."""
        self.browsers.append(browser := Visitor(self.servers[server].url))
        return browser

    def close_browsers(self):
        for browser in self.browsers:
            browser.close()

    def sign_in(self, login="maria"):
        browser = self.new_browser()
        browser.sign_in(login)
        (cookie,) = browser.cookies("sessionid")
        return Person(browser, f"{cookie.name}={cookie.value}")

    def sign_in_many(self, count):
        with ThreadPoolExecutor(max_workers=4) as pool:
            return list(pool.map(self.sign_in, ["maria"] * count))

    def sign_in_expired(self):
        """Somebody whose access token has just ended. The next ones live for an hour."""
        (person,) = self.sign_in_many_expired(1)
        return person

    def sign_in_many_expired(self, count):
        self.instance.set(access_token_lifetime=1)
        people = self.sign_in_many(count)
        self.instance.set(access_token_lifetime=3600)
        # It counts in whole seconds.
        wait_until(int(time.time()) + 1)
        self.instance.forget_requests()
        return people

    def sign_in_due(self):
        """Somebody whose access token may be renewed, and is good for a second and a half."""
        self.instance.set(access_token_lifetime=5)
        person = self.sign_in()
        self.instance.set(access_token_lifetime=3600)
        wait_until(self.get(person, "/whoami").json()["expires_at"] - 1.6)
        self.instance.forget_requests()
        return person

    def refreshes(self):
        """The token requests with a refresh token, as far as they reached the instance."""
        return len(self.instance.calls("token", "refresh_token"))

    def wait_for_refreshes(self, count):
        eventually(lambda: self.refreshes() >= count, seconds=15)

    def get(self, person, path, server=0):
        return send(Asked(self.servers[server].url + path, person.cookie))

    def begin(self, person, path, server=0):
        """A request under way: a Future of its answer."""
        return UNDER_WAY.submit(self.get, person, path, server)

    def at_once(self, person, paths, count):
        """``count`` requests at the same moment, spread over paths and servers."""
        urls = itertools.cycle(
            server.url + path for server, path in itertools.product(self.servers, paths)
        )
        return send_at_once([Asked(next(urls), person.cookie) for _ in range(count)])

    def execute(self, statement):
        """The rows of a statement that both databases understand."""
        if self.database["ENGINE"].endswith("postgresql"):
            return postgres.execute(self.database, statement)
        with closing(sqlite3.connect(self.database["NAME"], timeout=20)) as connection, connection:
            return connection.execute(statement).fetchall()

    def logs(self):
        return "\n".join(server.log.read_text(errors="replace") for server in self.servers)


@contextmanager
def run_site(kind, processes, *, instance, database, directory, app, settings):
    """The site in so many processes. ``app`` are keys of ERPNET_INSTANCEID."""
    told = {
        "DATABASES": {"default": database},
        "ERPNET_INSTANCEID": {**instance.settings(), **app},
        **settings,
    }
    with ExitStack() as stack:
        servers = [
            stack.enter_context(run_server(kind, told, directory / f"{kind}-{number}.log"))
            for number in range(processes)
        ]
        site = Site(servers, instance, database)
        stack.callback(site.close_browsers)
        # Warms up. A server that was killed and started again is not warm: see test_failures.
        answers = send_at_once([Asked(server.url + "/whoami", "") for server in servers])
        assert {answer.status for answer in answers} == {200}, f"{answers}\n{site.logs()}"
        yield site


def spent_twice(instance):
    """The refresh tokens that were sent more than once."""
    sent = Counter(call["refresh_token"] for call in instance.calls("token", "refresh_token"))
    return [token for token, times in sent.items() if times > 1]


def wait_until(moment):
    """Until this Unix time."""
    time.sleep(max(0, moment - time.time()))


def eventually(holds, seconds=5):
    """Waits until ``holds()``. Fails where that takes longer."""
    gives_up_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < gives_up_at, "it never came to hold"
        time.sleep(0.05)
