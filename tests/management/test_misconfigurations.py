"""Fifty ways to set a site up wrongly: the doctor's first line names cause and cure."""

from __future__ import annotations

import contextlib
import io
import re
import socket
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from erpnet_instanceid.management.registration import secret_hash
from erpnet_instanceid.testing import Instance

from ..support.proxy import run_proxy
from ..support.tls import Trusted

BACKENDS = ["erpnet_instanceid.backends.InstanceIDBackend"]
SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
MOZILLA = "mozilla_django_oidc"
OURS = "erpnet_instanceid.middleware.TokenRefreshMiddleware"
CACHE = "django.core.cache.backends"
SQLITE = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}


class NoURLs:
    urlpatterns: list[Any] = []


def first_line(*arguments: str) -> str:
    """The first finding that is not ok, with its cure."""
    out = io.StringIO()
    with contextlib.suppress(CommandError):
        call_command("instanceid", "doctor", *arguments, stdout=out)
    found = re.findall(r"^(?:BAD |look)  (.*(?:\n {6}.*)*)", out.getvalue(), flags=re.MULTILINE)
    return " ".join(str(found[0]).split())


@pytest.fixture(autouse=True)
def sound_site(settings: Any, db: None, instance: Instance) -> None:
    settings.SESSION_COOKIE_SECURE = True


# Each row: keys of the dict, what the first line says is wrong, and what it says to do.
KEYS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no secret": (
        {"APPLICATION_SECRET": ""},
        '["APPLICATION_SECRET"] is missing',
        "'manage.py instanceid register' makes one",
    ),
    "no instance": (
        {"INSTANCE_URL": None},
        '["INSTANCE_URL"] is missing',
        "https://mycompany.my.erp.net",
    ),
    "mistyped key": (
        {"INSTANCE_UR": "x"},
        '["INSTANCE_UR"] is not a setting',
        "Did you mean INSTANCE_URL?",
    ),
    "OAuth's name": (
        {"CLIENT_ID": "x"},
        '["CLIENT_ID"] is not a setting',
        "Did you mean APPLICATION_URI?",
    ),
    "another library's name": (
        {"OIDC_RP_CLIENT_SECRET": "x"},
        "is not a setting",
        "Did you mean APPLICATION_SECRET?",
    ),
    "registration's name": (
        {"REDIRECT_URI": "x"},
        "is not a setting",
        "Did you mean CALLBACK_URL?",
    ),
    "application with a scheme": (
        {"APPLICATION_URI": "https://backend.example.com"},
        '["APPLICATION_URI"] begins like an address',
        "a name without a scheme",
    ),
    "secret with a new line": (
        {"APPLICATION_SECRET": "secret\n"},
        '["APPLICATION_SECRET"] begins or ends with white space',
        ".strip()",
    ),
    "instance with a blank": (
        {"INSTANCE_URL": " https://op.test"},
        '["INSTANCE_URL"] begins or ends with white space',
        ".strip()",
    ),
    "instance with two schemes": (
        {"INSTANCE_URL": "https://https://op.test"},
        '["INSTANCE_URL"] has two schemes',
        "Write https:// once",
    ),
    "secret as bytes": (
        {"APPLICATION_SECRET": b"secret"},
        '["APPLICATION_SECRET"] is not a text',
        "in quotes",
    ),
    "hash for secret": (
        {"APPLICATION_SECRET": secret_hash("secret")},
        '["APPLICATION_SECRET"] looks like a hash',
        "set it to the secret itself",
    ),
    "callback with a fragment": (
        {"CALLBACK_URL": "https://rp.test/signin-callback#x"},
        '["CALLBACK_URL"] has a fragment',
        "Remove '#'",
    ),
    "groups of a mistyped type": (
        {"USER_TYPE_GROUPS": {"Internal": ["employees"]}},
        "[\"USER_TYPE_GROUPS\"] names 'Internal'",
        "Did you mean InternalUser?",
    ),
    "instance without https": (
        {"INSTANCE_URL": "mycompany.my.erp.net"},
        '["INSTANCE_URL"] is not an https address',
        "with https://",
    ),
    "issuer for instance": (
        {"INSTANCE_URL": "https://op.test/id"},
        '["INSTANCE_URL"] ends in /id',
        "Leave /id out",
    ),
    "instance with a path": (
        {"INSTANCE_URL": "https://op.test/web"},
        '["INSTANCE_URL"] has the path /web',
        "Leave the path out",
    ),
    "callback without a host": (
        {"CALLBACK_URL": "/signin-callback"},
        '["CALLBACK_URL"] is not an https address',
        "Write the whole address",
    ),
    "callback elsewhere": (
        {"CALLBACK_URL": "https://rp.test/login/callback"},
        '["CALLBACK_URL"] does not lead to the app\'s callback',
        "its path is /signin-callback",
    ),
    "scopes as a list": (
        {"SCOPE": ["openid", "read"]},
        '["SCOPE"] must be one string',
        "openid profile offline_access read",
    ),
    "scope without openid": (
        {"SCOPE": "read"},
        "lacks 'openid'",
        "Add it",
    ),
    "flow and mode": (
        {"RESPONSE_MODE": "query"},
        "does not go with RESPONSE_TYPE",
        "Use 'form_post'",
    ),
    "user type mistyped": (
        {"ALLOWED_USER_TYPES": ["InternalUsers"]},
        "names 'InternalUsers'",
        "Did you mean InternalUser?",
    ),
    "user types as text": (
        {"ALLOWED_USER_TYPES": "InternalUser"},
        '["ALLOWED_USER_TYPES"] must be a list',
        "square brackets",
    ),
    "text for a boolean": (
        {"CREATE_USERS": "False"},
        '["CREATE_USERS"] must be True or False',
        "compare it",
    ),
    "text for a number": (
        {"DEADLINE": "10"},
        '["DEADLINE"] must be a number',
        "The default is 10",
    ),
    "symmetric algorithm": (
        {"SIGNING_ALGORITHMS": ["HS256"]},
        '["SIGNING_ALGORITHMS"] must be a list of asymmetric',
        "RS256",
    ),
    "another secret": (
        {"APPLICATION_SECRET": "another"},
        "The instance refuses the application: invalid_client",
        "Compare APPLICATION_URI and APPLICATION_SECRET",
    ),
    "unknown application": (
        {"APPLICATION_URI": "nobody.example.com"},
        "The instance refuses the application: invalid_client",
        "ApplicationUri nobody.example.com",
    ),
    "scope not offered": (
        {"SCOPE": "openid offline_access write"},
        "does not list the scope 'write'",
        'Take it out of ERPNET_INSTANCEID["SCOPE"]',
    ),
}
# The same for the site's other settings.
SETTINGS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no dict": (
        {"ERPNET_INSTANCEID": None},
        "ERPNET_INSTANCEID is missing",
        "INSTANCE_URL, APPLICATION_URI, APPLICATION_SECRET",
    ),
    "backends as text": (
        {"AUTHENTICATION_BACKENDS": BACKENDS[0]},
        "AUTHENTICATION_BACKENDS is a string",
        "square brackets",
    ),
    "no backend": (
        {"AUTHENTICATION_BACKENDS": ["django.contrib.auth.backends.ModelBackend"]},
        "AUTHENTICATION_BACKENDS lacks the backend",
        BACKENDS[0],
    ),
    "axes in front": (
        {"AUTHENTICATION_BACKENDS": ["axes.backends.AxesStandaloneBackend", *BACKENDS]},
        "django-axes before the backend",
        "before django-axes",
    ),
    "another library's backend left": (
        {"AUTHENTICATION_BACKENDS": [f"{MOZILLA}.auth.OIDCAuthenticationBackend", *BACKENDS]},
        "AUTHENTICATION_BACKENDS names mozilla_django_oidc",
        "Remove it",
    ),
    "no page after sign-in": (
        {"LOGIN_REDIRECT_URL": "customer"},
        "LOGIN_REDIRECT_URL is 'customer', and none of your URLs",
        "the name of a URL",
    ),
    "no such cache for sessions": (
        {
            "SESSION_ENGINE": "django.contrib.sessions.backends.cache",
            "SESSION_CACHE_ALIAS": "redis",
        },
        "No session can be stored: InvalidCacheBackendError",
        "Check SESSION_ENGINE",
    ),
    "no middleware": (
        {"MIDDLEWARE": [SESSION, AUTHENTICATION]},
        "MIDDLEWARE lacks the middleware",
        OURS,
    ),
    "middleware too early": (
        {"MIDDLEWARE": [SESSION, OURS, AUTHENTICATION]},
        "no AuthenticationMiddleware before it",
        AUTHENTICATION,
    ),
    "no URLs": (
        {"ROOT_URLCONF": NoURLs},
        "URLs are not part of your site",
        'path("", include("erpnet_instanceid.urls"))',
    ),
    "sign-in page that is none": (
        {"LOGIN_URL": "/accounts/login/"},
        "LOGIN_URL does not lead to a page",
        'LOGIN_URL = "erpnet_instanceid:signin"',
    ),
    "sessions in cookies": (
        {"SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies"},
        "SESSION_ENGINE keeps sessions in cookies",
        "django.contrib.sessions.backends.db",
    ),
    "sessions nowhere": (
        {
            "SESSION_ENGINE": "django.contrib.sessions.backends.cache",
            "CACHES": {"default": {"BACKEND": f"{CACHE}.dummy.DummyCache"}},
        },
        "a DummyCache keeps nothing",
        "Use another cache",
    ),
    "sessions in one process": (
        {
            "SESSION_ENGINE": "django.contrib.sessions.backends.cache",
            "CACHES": {"default": {"BACKEND": f"{CACHE}.locmem.LocMemCache"}},
        },
        "a LocMemCache, and each process has its own",
        "Redis",
    ),
    "session cookie in clear": (
        {"SESSION_COOKIE_SECURE": False},
        "SESSION_COOKIE_SECURE is not set",
        "Set it to True",
    ),
    "no static URL": (
        {"STATIC_URL": None},
        "STATIC_URL is not set",
        'STATIC_URL = "static/"',
    ),
    "no Django templates": (
        {"TEMPLATES": [{"BACKEND": "django.template.backends.jinja2.Jinja2"}]},
        "TEMPLATES has no engine",
        "django.template.backends.django.DjangoTemplates",
    ),
}


@pytest.mark.parametrize("fault", KEYS)
def test_key_of_the_dict(configure: Any, fault: str) -> None:
    keys, cause, cure = KEYS[fault]
    configure(**keys)
    line = first_line()
    assert cause in line
    assert cure in line


@pytest.mark.parametrize("fault", SETTINGS)
def test_other_setting(settings: Any, fault: str) -> None:
    changed, cause, cure = SETTINGS[fault]
    for name, value in changed.items():
        setattr(settings, name, value)
    line = first_line()
    assert cause in line
    assert cure in line


def test_sqlite_without_immediate(settings: Any) -> None:
    with pytest.warns(UserWarning, match="DATABASES"):
        settings.DATABASES = SQLITE
    line = first_line()
    assert "SQLite without transaction_mode IMMEDIATE" in line
    assert '"OPTIONS": {"transaction_mode": "IMMEDIATE"} to DATABASES["default"]' in line


@pytest.mark.parametrize("setting", ["INSTANCE_URL", "ISSUER"])
def test_address_where_nothing_answers(configure: Any, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
    configure(**{setting: address})
    line = first_line()
    assert "No connection to" in line
    assert f'Check ERPNET_INSTANCEID["{setting}"]' in line


@pytest.mark.parametrize(
    ("arguments", "cause", "cure"),
    [
        (
            {"headers": {}},
            "gives the instance the address http://127.0.0.1",
            "SECURE_PROXY_SSL_HEADER",
        ),
        (
            {"headers": {"X-Forwarded-Proto": "https"}, "keeps_host": False},
            "gives the instance the address https://localhost",
            "proxy_set_header Host",
        ),
    ],
)
def test_proxy_in_front(
    live_server: Any, trusted: Trusted, arguments: dict[str, Any], cause: str, cure: str
) -> None:
    tls = trusted.context(trusted.certificate())
    with run_proxy(live_server.url, tls, **arguments) as site:
        line = first_line("--site", site)
    assert cause in line
    assert cure in line


@pytest.mark.parametrize(
    ("setting", "value", "cause", "cure"),
    [
        ("SESSION_COOKIE_DOMAIN", ".rp.test", "refuses such a cookie from", "own domain"),
        ("CSRF_COOKIE_DOMAIN", "rp.test", "refuses such a cookie from", "Leave CSRF"),
        ("SESSION_COOKIE_PATH", "/shop", "/signin-callback is not below it", '= "/"'),
    ],
)
def test_cookie_that_does_not_come_back(
    settings: Any, setting: str, value: str, cause: str, cure: str
) -> None:
    setattr(settings, setting, value)
    line = first_line("--site", "https://op.test")
    assert setting in line
    assert cause in line
    assert cure in line


def test_instance_that_has_moved(instance: Instance) -> None:
    moved = {"Location": "https://erp.op.test/id/"}
    instance.always("discovery", status=301, headers=moved)
    assert "It redirects to https://erp.op.test/id/." in first_line()
