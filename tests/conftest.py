"""Fixtures of most tests: a stand-in instance, a live site, and visitors."""

import contextlib
import os
import socket
import time
from urllib.parse import urlsplit

import django
import pytest
from django.contrib.auth import get_user_model
from django.core.servers.basehttp import WSGIRequestHandler
from django.db import connections
from django.db.models.signals import post_migrate

from erpnet_instanceid.models import Account, fingerprint
from erpnet_instanceid.oidc import adapter, http
from erpnet_instanceid.signals import sign_in_ended

from .support.leaks import Watch, watching
from .support.tls import Trusted
from .support.visitor import Visitor

# A project of its own, for an environment of its own: see tox.ini.
collect_ignore = ["package"]

# The live server writes a header in several parts, and each answer would wait 40 ms for the
# browser to acknowledge the first of them.
WSGIRequestHandler.disable_nagle_algorithm = True


FIGURE = "figure"
ADMIN = "operator@rp.test"


# By folder. "storm" includes whatever needs several server processes.
MARKERS = {"browser": "browser", "storm": "storm", "surroundings": "storm"}


def pytest_collection_modifyitems(items):
    for item in items:
        marker = MARKERS.get(item.path.parent.name)
        if marker:
            item.add_marker(marker)


def pytest_terminal_summary(terminalreporter):
    lines = [
        f"{report.nodeid.rpartition('::')[2]}: {told}"
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        for name, told in report.user_properties
        if name == FIGURE
    ]
    if lines:
        terminalreporter.section("figures")
        terminalreporter.write_line("\n".join(lines))


def pytest_sessionfinish(session):
    # A browser or a database that is not there may not pass for a test that passed.
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup):
    """The database, without permissions: no test asks for one, and a flush makes them all anew."""
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")


@pytest.fixture
def instance(instance_id):
    """The stand-in that the site's settings point to."""
    return instance_id


@pytest.fixture
def configure(settings, instance):
    """Sets keys of ERPNET_INSTANCEID, for the live site too."""

    def change(**keys):
        settings.ERPNET_INSTANCEID = {**settings.ERPNET_INSTANCEID, **keys}

    return change


@pytest.fixture
def site(settings, db):
    """Sets keys of ERPNET_INSTANCEID for a site whose instance is op.test."""

    def change(**keys):
        own = {**settings.ERPNET_INSTANCEID, "INSTANCE_URL": "https://op.test:8443"}
        settings.ERPNET_INSTANCEID = {**own, **keys}

    change()
    return change


@pytest.fixture
def new_visitor(live_server, instance):
    """Makes visitors of the live site, each with a browser of their own."""
    visitors = []

    def make(**kwargs):
        visitors.append(Visitor(live_server.url, **kwargs))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.close()


@pytest.fixture
def visitor(new_visitor):
    return new_visitor()


@pytest.fixture
def maria(client, instance_sign_in):
    """A test client, signed in."""
    instance_sign_in(client, "maria")
    return client


@pytest.fixture
def account(db):
    """The account of Maria, whom the site knows as an administrator."""
    user = get_user_model().objects.create_user("maria", is_staff=True, is_superuser=True)
    issuer = "https://op.test/id"
    mark = fingerprint(issuer, "id", "1")
    return Account.objects.create(user=user, fingerprint=mark, issuer=issuer, key="1", sub="maria")


@pytest.fixture
def atomic_requests(transactional_db):
    """A site whose views each run in a transaction."""
    connections.settings["default"]["ATOMIC_REQUESTS"] = True
    yield
    connections.settings["default"]["ATOMIC_REQUESTS"] = False


@pytest.fixture
def receive():
    """Connects a receiver to a signal until the test ends: `receive(signed_in, note)`."""
    with contextlib.ExitStack() as connected:

        def connect(signal, receiver):
            signal.connect(receiver)
            connected.callback(signal.disconnect, receiver)

        yield connect


@pytest.fixture
def later(monkeypatch):
    """`later(901)`: it is so many seconds later for the whole process, browsers included."""
    now = time.time
    return lambda seconds: monkeypatch.setattr(time, "time", lambda: now() + seconds)


@pytest.fixture
def ends(receive):
    """Reason and login name of each sign-in that ends."""
    told = []
    receive(
        sign_in_ended,
        lambda sign_in, reason, **_: told.append((reason, sign_in.account and sign_in.account.sub)),
    )
    return told


@pytest.fixture
def no_proxies(monkeypatch):
    """An environment that names no proxy, until the test does."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    adapter.environment.cache_clear()
    yield
    adapter.environment.cache_clear()


@pytest.fixture
def slow_names(monkeypatch, no_proxies):
    """`slow_names(2)` makes each look-up of a name slow; with ``url`` only those for its port."""
    look_up = socket.getaddrinfo

    def take(seconds, url=""):
        def slowly(host, port, *args, **kwargs):
            if not url or port == urlsplit(url).port:
                time.sleep(seconds)
            return look_up(host, port, *args, **kwargs)

        http.forget_connections()
        monkeypatch.setattr(socket, "getaddrinfo", slowly)

    return take


@pytest.fixture
def untaken():
    """The address of a server that takes no connection, and refuses none."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        # As many as wait to be accepted; the next one is left without an answer.
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def figure(record_property):
    """Notes a test's measurements, for the end of the run: `figure(slowest=0.31)`."""

    def note(**values):
        told = (f"{name.replace('_', ' ')} {value}" for name, value in values.items())
        # A property comes along from another process, too.
        record_property(FIGURE, ", ".join(told))

    return note


@pytest.fixture(autouse=True)
def no_leaks(request):
    """Row HYG-01, in every test that asks the site for pages: logs at DEBUG, error mails, pages and
    tables hold no secret."""
    on_site = "live_server" in request.fixturenames
    if not on_site and "client" not in request.fixturenames:
        yield None
        return
    _receive_error_mails(request.getfixturevalue("settings"))
    watch = Watch(request.getfixturevalue("live_server").url if on_site else "")
    with watching(watch):
        yield watch
    instance = getattr(request.node, "funcargs", {}).get("instance_id")
    if instance is not None:
        watch.learn("client_secret", instance.application_secret)
    watch.note_mail()
    if on_site:
        watch.note_database()
    leaks = watch.leaks()
    assert not leaks, "secrets that came out:\n" + "\n".join(leaks)


def _receive_error_mails(settings):
    settings.ADMINS = [ADMIN] if django.VERSION >= (6, 0) else [("Operator", ADMIN)]
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    authority = Trusted(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    adapter.environment.cache_clear()
    yield authority
    adapter.environment.cache_clear()
