"""The site under test as several server processes over one database."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from erpnet_instanceid.testing import RemoteInstance

from ..support.visitor import Visitor
from . import postgres
from .at_once import Asked, Background, send, send_at_once
from .servers import Server, run_server

SESSION_COOKIE = "sessionid"
Settings = dict[str, Any]


@dataclass
class Person:
    """A visitor who has signed in: their browser, and the cookie to send by other means."""

    browser: Visitor
    cookie: str

    def close(self):
        self.browser.close()


@dataclass
class Site:
    """Server processes that share a database, and the stand-in they know."""

    servers: list[Server]
    instance: RemoteInstance
    database: Settings

    def sign_in(self, login="maria"):
        browser = Visitor(self.servers[0].url)
        browser.sign_in(login)
        (cookie,) = browser.cookies(SESSION_COOKIE)
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

    def asked(self, person, path, server=0, **headers):
        return Asked(self.servers[server].url + path, person.cookie, headers)

    def get(self, person, path, server=0, **headers):
        return send(self.asked(person, path, server, **headers))

    def begin(self, person, path, server=0):
        return Background(self.asked(person, path, server))

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
        connection = sqlite3.connect(self.database["NAME"], timeout=20)
        try:
            with connection:
                return connection.execute(statement).fetchall()
        finally:
            connection.close()

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
        _warm_up(site)
        yield site


def _warm_up(site):
    # A server that was killed and started again is not warm, which other tests see to.
    answers = send_at_once([Asked(server.url + "/whoami", "") for server in site.servers])
    assert {answer.status for answer in answers} == {200}, f"{answers}\n{site.logs()}"


def spent_twice(instance):
    """The refresh tokens that were sent more than once."""
    sent = Counter(call["refresh_token"] for call in instance.calls("token", "refresh_token"))
    return [token for token, times in sent.items() if times > 1]


def wait_until(moment):
    """Until this Unix time."""
    time.sleep(max(0, moment - time.time()))


def copy_sqlite(template, target):
    shutil.copyfile(template, target)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(target),
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    }


def eventually(holds, seconds=5):
    """Waits until ``holds()``. Fails where that takes longer."""
    gives_up_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < gives_up_at, "it never came to hold"
        time.sleep(0.05)
