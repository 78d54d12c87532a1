"""Fifty ways to set a site up wrongly: the doctor's first line names cause and cure."""

import contextlib
import io
import re

import pytest
from django.core.management import CommandError, call_command

from erpnet_instanceid.management.registration import secret_hash

BACKEND = "erpnet_instanceid.backends.InstanceIDBackend"
SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
OURS = "erpnet_instanceid.middleware.TokenRefreshMiddleware"
CACHE = "django.core.cache.backends"
ENGINES = "django.contrib.sessions.backends"
IN_CACHE = {"SESSION_ENGINE": f"{ENGINES}.cache"}
NO_CACHE = {**IN_CACHE, "CACHES": {"default": {"BACKEND": f"{CACHE}.dummy.DummyCache"}}}
OWN_CACHE = {**IN_CACHE, "CACHES": {"default": {"BACKEND": f"{CACHE}.locmem.LocMemCache"}}}
AXES = "axes.backends.AxesStandaloneBackend"
MOZILLA = "mozilla_django_oidc.auth.OIDCAuthenticationBackend"


class NoURLs:
    urlpatterns = []


def first_line(*arguments):
    """The first finding that is not ok, with its cure."""
    out = io.StringIO()
    with contextlib.suppress(CommandError):
        call_command("instanceid", "doctor", *arguments, stdout=out)
    found = re.findall(r"^(?:BAD |look)  (.*(?:\n {6}.*)*)", out.getvalue(), flags=re.MULTILINE)
    return " ".join(str(found[0]).split())


@pytest.fixture(autouse=True)
def sound_site(settings, db, instance):
    settings.SESSION_COOKIE_SECURE = True


# Each row: keys of the dict, what the first line says is wrong, and what it says to do.
KEYS = [
    ({"APPLICATION_SECRET": ""}, '["APPLICATION_SECRET"] is missing', "instanceid register"),
    ({"INSTANCE_URL": None}, '["INSTANCE_URL"] is missing', "https://mycompany.my.erp.net"),
    ({"INSTANCE_UR": "x"}, '["INSTANCE_UR"] is not a setting', "mean INSTANCE_URL?"),
    ({"CLIENT_ID": "x"}, '["CLIENT_ID"] is not a setting', "mean APPLICATION_URI?"),
    ({"OIDC_RP_CLIENT_SECRET": "x"}, "is not a setting", "mean APPLICATION_SECRET?"),
    ({"REDIRECT_URI": "x"}, "is not a setting", "mean CALLBACK_URL?"),
    ({"APPLICATION_URI": "https://rp.test"}, "begins like an address", "without a scheme"),
    ({"APPLICATION_SECRET": "secret\n"}, "begins or ends with white space", ".strip()"),
    ({"INSTANCE_URL": " https://op.test"}, "begins or ends with white space", ".strip()"),
    ({"INSTANCE_URL": "https://https://op.test"}, "has two schemes", "Write https:// once"),
    ({"APPLICATION_SECRET": b"secret"}, "is not a text", "in quotes"),
    ({"APPLICATION_SECRET": secret_hash("x")}, "looks like a hash", "to the secret itself"),
    ({"CALLBACK_URL": "https://rp.test/signin-callback#x"}, "has a fragment", "Remove '#'"),
    ({"USER_TYPE_GROUPS": {"Internal": ["a"]}}, "names 'Internal'", "mean InternalUser?"),
    ({"INSTANCE_URL": "op.test"}, '["INSTANCE_URL"] is not an https address', "with https://"),
    ({"INSTANCE_URL": "https://op.test/id"}, "ends in /id", "Leave /id out"),
    ({"INSTANCE_URL": "https://op.test/web"}, "has the path /web", "Leave the path out"),
    ({"CALLBACK_URL": "/signin-callback"}, "is not an https address", "the whole address"),
    ({"CALLBACK_URL": "https://rp.test/in"}, "does not lead to the app's", "is /signin-callback"),
    ({"SCOPE": ["openid", "read"]}, "must be one string", "openid profile offline_access read"),
    ({"SCOPE": "read"}, "lacks 'openid'", "Add it"),
    ({"RESPONSE_MODE": "query"}, "does not go with RESPONSE_TYPE", "Use 'form_post'"),
    ({"ALLOWED_USER_TYPES": ["Internal"]}, "names 'Internal'", "mean InternalUser?"),
    ({"ALLOWED_USER_TYPES": "InternalUser"}, "must be a list", "square brackets"),
    ({"CREATE_USERS": "False"}, "must be True or False", "compare it"),
    ({"DEADLINE": "10"}, '["DEADLINE"] must be a number', "The default is 10"),
    ({"SIGNING_ALGORITHMS": ["HS256"]}, "must be a list of asymmetric", "RS256"),
    (
        {"APPLICATION_SECRET": "x"},
        "refuses the application: invalid_client",
        "Compare APPLICATION_",
    ),
    ({"APPLICATION_URI": "x.test"}, "refuses the application: invalid_client", "Uri x.test"),
    ({"SCOPE": "openid offline_access write"}, "does not list the scope 'write'", "Take it out of"),
]
# The same for the site's other settings.
SETTINGS = [
    ({"ERPNET_INSTANCEID": None}, "ERPNET_INSTANCEID is missing", "INSTANCE_URL, APPLICATION_URI"),
    ({"AUTHENTICATION_BACKENDS": BACKEND}, "must be a list", "square brackets"),
    ({"AUTHENTICATION_BACKENDS": []}, "AUTHENTICATION_BACKENDS lacks the backend", BACKEND),
    ({"AUTHENTICATION_BACKENDS": [AXES, BACKEND]}, "django-axes before", "before django-axes"),
    ({"AUTHENTICATION_BACKENDS": [MOZILLA, BACKEND]}, "names mozilla_django_oidc", "Remove it"),
    ({"LOGIN_REDIRECT_URL": "customer"}, "is 'customer', and none of your URLs", "name of a URL"),
    ({**IN_CACHE, "SESSION_CACHE_ALIAS": "x"}, "InvalidCacheBackendError", "Check SESSION_ENGINE"),
    ({"MIDDLEWARE": [SESSION, AUTHENTICATION]}, "MIDDLEWARE lacks the middleware", OURS),
    ({"MIDDLEWARE": [SESSION, OURS, AUTHENTICATION]}, "no AuthenticationMiddle", AUTHENTICATION),
    ({"ROOT_URLCONF": NoURLs}, "URLs are not part of your site", "include("),
    ({"LOGIN_URL": "/login/"}, "LOGIN_URL does not lead to a page", '"erpnet_instanceid:signin"'),
    ({"SESSION_ENGINE": f"{ENGINES}.signed_cookies"}, "keeps sessions in cookies", f"{ENGINES}.db"),
    (NO_CACHE, "a DummyCache keeps nothing", "Use another cache"),
    (OWN_CACHE, "a LocMemCache, and each process has its own", "Redis"),
    ({"SESSION_COOKIE_SECURE": False}, "SESSION_COOKIE_SECURE is not set", "Set it to True"),
    ({"STATIC_URL": None}, "STATIC_URL is not set", 'STATIC_URL = "static/"'),
    ({"TEMPLATES": []}, "TEMPLATES has no engine", "backends.django.DjangoTemplates"),
    ({"SESSION_COOKIE_DOMAIN": ".rp.test"}, "SESSION_COOKIE_DOMAIN", "own domain"),
    ({"CSRF_COOKIE_DOMAIN": "rp.test"}, "refuses such a cookie from", "Leave CSRF"),
    ({"SESSION_COOKIE_PATH": "/shop"}, "/signin-callback is not below it", '= "/"'),
]


def assert_first_line(cause, cure, *arguments):
    line = first_line(*arguments)
    assert cause in line
    assert cure in line


@pytest.mark.parametrize(("keys", "cause", "cure"), KEYS)
def test_key_of_the_dict(configure, keys, cause, cure):
    configure(**keys)
    assert_first_line(cause, cure)


@pytest.mark.parametrize(("changed", "cause", "cure"), SETTINGS)
def test_other_setting(settings, changed, cause, cure):
    for name, value in changed.items():
        setattr(settings, name, value)
    assert_first_line(cause, cure, "--site", "https://op.test")


def test_instance_that_has_moved(instance):
    moved = {"Location": "https://erp.op.test/id/"}
    instance.always("discovery", status=301, headers=moved)
    assert "It redirects to https://erp.op.test/id/." in first_line()
