"""Every system check: what makes it speak, what silences it, and that the doctor says it first."""

from pathlib import Path

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import Group
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import run_checks
from django.test import override_settings
from django.urls import include, path, reverse_lazy

from erpnet_instanceid.backends import InstanceIDBackend
from erpnet_instanceid.checks import check_settings, check_site, of_settings, of_users
from erpnet_instanceid.checks.of_frames import COOKIES
from erpnet_instanceid.conf import DEFAULTS
from erpnet_instanceid.management.doctor import examine
from erpnet_instanceid.middleware import TokenRefreshMiddleware

from .. import settings as tests_settings
from ..support.check_ids import check_ids

PARENT = "https://mycompany.my.erp.net"
KEYS = {
    "INSTANCE_URL": PARENT,
    "APPLICATION_URI": "backend.example.com",
    "APPLICATION_SECRET": "secret",
}
CALLBACK = "https://rp.test/signin-callback"
BELOW = "https://rp.test/sso/signin-callback"
SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
OURS = "erpnet_instanceid.middleware.TokenRefreshMiddleware"
OUR_BACKEND = "erpnet_instanceid.backends.InstanceIDBackend"
MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"
ENGINES = "django.contrib.sessions.backends"


# A site may name classes of its own in the place of those that the checks look for.
SitesOwnBackend = type("SitesOwnBackend", (InstanceIDBackend,), {})
SitesOwnSessions = type("SitesOwnSessions", (SessionMiddleware,), {})
SitesOwnAuthentication = type("SitesOwnAuthentication", (AuthenticationMiddleware,), {})
SitesOwnMiddleware = type("SitesOwnMiddleware", (TokenRefreshMiddleware,), {})


class BackendOfBefore(InstanceIDBackend):
    """Written for mozilla-django-oidc."""

    def verify_token(self, token, **kwargs):
        return {}

    def get_token(self, payload):
        return {}


# Four URLconfs: this module and three classes.
urlpatterns = [path("sso/", include("erpnet_instanceid.urls"))]


class WithOwnPage:
    urlpatterns = [
        *urlpatterns,
        path("", lambda request: None),
        path("own/login/", lambda request: None, name="own"),
    ]


class WithLanguages:
    urlpatterns = i18n_patterns(*urlpatterns)


class WithoutURLs:
    urlpatterns = []


class Elsewhere:
    """Sends the app to a database of its own."""

    def db_for_write(self, model, **_hints):
        return "elsewhere" if model._meta.app_label == "erpnet_instanceid" else None

    def allow_relation(self, *_objects, **_hints):
        return True


class Unrelated:
    def allow_relation(self, *_objects, **_hints):
        return False


@pytest.fixture(autouse=True)
def sound_site(settings):
    """A site that every check accepts."""
    settings.SESSION_COOKIE_SECURE = True
    settings.ERPNET_INSTANCEID = KEYS


def told():
    return [*check_settings(), *check_site()]


def ids(messages=None):
    found = told() if messages is None else messages
    names = [str(message.id) for message in found]
    return [name.partition(".")[2] for name in names if name.startswith("erpnet_instanceid.")]


def first_line():
    """The doctor's first finding with its cure."""
    finding = next(examine())
    return f"{finding.text} {finding.cure}"


def test_sound_site_passes():
    assert told() == []
    assert ids(run_checks()) == []


def test_each_missing_key_is_named_by_the_security_checks_too(settings):
    settings.ERPNET_INSTANCEID = {}
    assert ids(run_checks(tags=["security"])) == ["E003"] * 3
    assert all(f'["{key}"]' in message.msg for key, message in zip(KEYS, told(), strict=True))


# Each row: the id, wrong keys, keys that silence it, a word of its text.
KEYS_OF_THE_DICT = [
    ("E002", {"APLICATION_URI": "x"}, {}, "APPLICATION_URI?"),
    ("E003", {"INSTANCE_URL": None}, {}, "https://mycompany.my.erp.net"),
    ("E003", {"APPLICATION_URI": "  "}, {}, "APPLICATION_URI"),
    ("E003", {"APPLICATION_SECRET": ""}, {}, "instanceid register"),
    ("E003", {"APPLICATION_SECRET": b"secret"}, {}, "in quotes"),
    ("E004", {"INSTANCE_URL": "http://op.test"}, {"INSTANCE_URL": "http://127.0.0.1"}, "https"),
    ("E004", {"ISSUER": "http://op.test/id"}, {"ISSUER": "https://op.test/id"}, "ISSUER"),
    ("E004", {"ISSUER": "https://a@op.test/id"}, {}, "ISSUER"),
    ("E004", {"ISSUER": "https://[op.test/id"}, {}, "ISSUER"),
    ("E004", {"CALLBACK_URL": "/signin-callback"}, {"CALLBACK_URL": None}, "the whole address"),
    ("E004", {"CALLBACK_URL": 5}, {"CALLBACK_URL": CALLBACK}, "CALLBACK_URL"),
    ("E004", {"POST_LOGOUT_URL": "ftp://rp.test"}, {"POST_LOGOUT_URL": None}, "POST_LOGOUT_URL"),
    ("E004", {"INSTANCE_URL": "https://https://op.test"}, {}, "Write https:// once"),
    ("E004", {"CALLBACK_URL": f"{CALLBACK}#x"}, {}, "Remove '#'"),
    ("E005", {"INSTANCE_URL": "https://op.test/id/"}, {"INSTANCE_URL": "https://op.test/"}, "/id"),
    ("E006", {"RESPONSE_TYPE": "token"}, {"RESPONSE_TYPE": "code"}, "code id_token"),
    ("E007", {"RESPONSE_MODE": "query"}, {"RESPONSE_MODE": "form_post"}, "form_post"),
    ("E007", {"RESPONSE_TYPE": "code", "RESPONSE_MODE": "x"}, {}, "'form_post' or 'query'"),
    ("E008", {"SCOPE": "offline_access"}, {"SCOPE": "openid offline_access"}, "lacks 'openid'"),
    ("W001", {"SCOPE": "openid read"}, {"SCOPE": "openid read offline_access"}, "offline_access"),
    ("E009", {"SIGNING_ALGORITHMS": ["RS256", "none"]}, {"SIGNING_ALGORITHMS": None}, "RS256"),
    ("E009", {"SIGNING_ALGORITHMS": []}, {"SIGNING_ALGORITHMS": ["ES256"]}, "RS256"),
    ("E009", {"SIGNING_ALGORITHMS": "RS256"}, {"SIGNING_ALGORITHMS": ("RS256",)}, "RS256"),
    ("E009", {"SIGNING_ALGORITHMS": [["RS256"]]}, {}, "RS256"),
    ("E009", {"SIGNING_ALGORITHMS": ["HS256"]}, {}, "asymmetric"),
    ("E010", {"LINK_USERS_BY": ["email"]}, {"LINK_USERS_BY": "email"}, "'username'"),
    ("E011", {"ALLOWED_USER_TYPES": "InternalUser"}, {}, "square brackets"),
    ("E011", {"ADMIN_FLAGS": 5}, {"ADMIN_FLAGS": []}, "square brackets"),
    ("E012", {"ALLOWED_USER_TYPES": ["SystemUserNoLogin"]}, {}, "SystemUserNoLogin"),
    ("E013", {"REFRESH_MARGIN": -1}, {"REFRESH_MARGIN": 0}, "REFRESH_MARGIN"),
    ("E013", {"CONNECT_TIMEOUT": 0}, {"CONNECT_TIMEOUT": 0.5}, "CONNECT_TIMEOUT"),
    ("E013", {"DEADLINE": True}, {"DEADLINE": 2.5}, "default is 10"),
    ("E013", {"DEADLINE": float("nan")}, {}, "DEADLINE"),
    ("E013", {"DEADLINE": float("inf")}, {}, "DEADLINE"),
    ("E013", {"SIGN_IN_LIFETIME": "900"}, {"SIGN_IN_LIFETIME": None}, "SIGN_IN_LIFETIME"),
    ("E013", {"API_MAX_BYTES": 0.5}, {"API_MAX_BYTES": 1}, "1 or more"),
    ("E014", {"ADMIN_FLAGS": ["is_wizard"]}, {"ADMIN_FLAGS": ["is_staff"]}, "is_wizard"),
    ("E034", {"FRAMED_BY": PARENT}, {"FRAMED_BY": []}, "without a path"),
    *(
        ("E034", {"FRAMED_BY": [origin]}, {}, "list of origins")
        for origin in (f"{PARENT}/", "https://", "https://[x", "*", None)
    ),
    ("E015", {"USER_TYPE_GROUPS": ["staff"]}, {"USER_TYPE_GROUPS": {}}, "USER_TYPE_GROUPS"),
    ("E015", {"USER_TYPE_GROUPS": {"InternalUser": "staff"}}, {}, "USER_TYPE_GROUPS"),
    ("E016", {"APPLICATION_SECRET": "secret\n"}, {"APPLICATION_SECRET": "se cret"}, "strip"),
    ("E016", {"CALLBACK_URL": f" {CALLBACK}"}, {"CALLBACK_URL": CALLBACK}, "white space"),
    ("E017", {"ISSUER": "https://op.test/id?x=1"}, {"ISSUER": "https://op.test/id"}, "query"),
    ("E018", {"CREATE_USERS": "False"}, {"CREATE_USERS": False}, "compare it"),
    ("E019", {"SCOPE": ["openid", "read"]}, {"SCOPE": None}, "separated by spaces"),
    ("E019", {"SCOPE": "openid,offline_access"}, {}, "separated by spaces"),
    ("E019", {"SERVICE_SCOPE": ["read"]}, {"SERVICE_SCOPE": "read update"}, "separated by spaces"),
    ("E026", {"ADMIN_FLAGS": None}, {"ADMIN_FLAGS": []}, "[] to leave"),
    ("E029", {"APPLICATION_URI": "app://rp.test"}, {"APPLICATION_URI": "rp.test"}, "app://"),
    ("E035", {"RIGHTS_FROM": ["token"]}, {"RIGHTS_FROM": "token"}, "'profile'"),
    ("W004", {"SIGN_IN_LIFETIME": 7200}, {"SIGN_IN_LIFETIME": 3600}, "3600"),
    ("W005", {"CLOCK_SKEW": 301}, {"CLOCK_SKEW": 300}, "300 s"),
    ("W026", {"DEADLINE": 61}, {"DEADLINE": 60}, "default is 10 s"),
    ("W006", {"CALLBACK_URL": "https://rp.test/signin"}, {"CALLBACK_URL": CALLBACK + "/"}, "path"),
    ("W006", {"CALLBACK_URL": "https://rp.test"}, {"CALLBACK_URL": BELOW}, "/signin-callback"),
    ("W007", {"ALLOWED_USER_TYPES": []}, {"ALLOWED_USER_TYPES": None}, "nobody"),
    ("W008", {"ALLOWED_USER_TYPES": ["InternalUsers"]}, {}, "mean InternalUser?"),
    ("W008", {"ALLOWED_USER_TYPES": ["CommunityUser"]}, {}, "mean ExternalCommunityUser?"),
    ("W008", {"USER_TYPE_GROUPS": {"Internal": ["a"]}}, {}, "mean InternalUser?"),
    ("W008", {"ALLOWED_USER_TYPES": ["*"]}, {}, "InternalUser, ExternalCommunityUser"),
    ("W009", {"POST_LOGOUT_URL": "https://rp.test/signout"}, {}, "/signout-callback"),
    (
        "W014",
        {"INSTANCE_URL": "https://op.test/web/"},
        {"INSTANCE_URL": "https://op.test"},
        "path /web",
    ),
]


@pytest.mark.parametrize(("name", "wrong", "cure", "word"), KEYS_OF_THE_DICT)
def test_wrong_key_is_named_with_its_cure(settings, name, wrong, cure, word):
    settings.ERPNET_INSTANCEID = {**KEYS, **wrong}
    assert ids() == [name]
    assert word in first_line()
    assert any(key in first_line() for key in wrong)

    settings.ERPNET_INSTANCEID = {**KEYS, **cure}
    assert told() == []


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("INSTANCE_URI", "INSTANCE_URL"),
        ("instance_url", "INSTANCE_URL"),
        ("URL", "INSTANCE_URL"),
        ("APLICATION_URI", "APPLICATION_URI"),
        ("SECRET", "APPLICATION_SECRET"),
        ("client-id", "APPLICATION_URI"),
        ("OIDC_RP_CLIENT_ID", "APPLICATION_URI"),
        ("ERPNET_CLIENT_SECRET", "APPLICATION_SECRET"),
        ("REDIRECT_URI", "CALLBACK_URL"),
        ("ImpersonateLogoutUrl", "POST_LOGOUT_URL"),
        ("USER_TYPES", "ALLOWED_USER_TYPES"),
        ("LINK_USER_BY", "LINK_USERS_BY"),
    ],
)
def test_e002_names_the_nearest_key(settings, key, near):
    """In one message, even if that one is missing."""
    others = {name: value for name, value in KEYS.items() if name != near}
    settings.ERPNET_INSTANCEID = {**others, key: "x"}
    (found,) = told()
    assert found.id == "erpnet_instanceid.E002"
    assert key in found.msg
    assert found.hint == f"Did you mean {near}?"


@pytest.mark.parametrize("key", ["ZZZ", 5, None])
def test_e002_names_all_keys_if_no_key_is_similar(settings, key):
    settings.ERPNET_INSTANCEID = {**KEYS, key: "x"}
    assert ids() == ["E002"]
    assert all(known in first_line() for known in DEFAULTS)


def test_e002_names_only_keys_that_exist():
    assert set(of_settings.SYNONYMS.values()) <= set(DEFAULTS)
    assert not set(of_settings.SYNONYMS) & set(DEFAULTS)


def test_e014_allows_the_default(settings, monkeypatch):
    """A user model may lack staff and superusers; the backend then sets no flags."""
    monkeypatch.setattr(of_users, "get_user_model", lambda: Group)
    assert ids() == []
    settings.ERPNET_INSTANCEID = {**KEYS, "ADMIN_FLAGS": ["is_staff"]}
    assert ids() == ["E014"]
    settings.ERPNET_INSTANCEID = {**KEYS, "ADMIN_FLAGS": []}
    assert ids() == []


def test_no_check_repeats_a_secret(settings):
    secret = "the secret of this site"
    settings.ERPNET_INSTANCEID = {"APPLICATION_SECRET": [secret], "SECRET": secret}
    assert len(told()) > 3
    assert secret not in str(told())


def backends(*paths):
    return {"AUTHENTICATION_BACKENDS": list(paths)}


def middleware(*paths):
    return {"MIDDLEWARE": list(paths)}


def urls(module, **keys):
    return {"ROOT_URLCONF": module, "ERPNET_INSTANCEID": {**KEYS, **keys}}


def login(url):
    return {"ROOT_URLCONF": WithOwnPage, "LOGIN_URL": url}


def sessions(engine, cache="redis.RedisCache"):
    entry = {"BACKEND": f"django.core.cache.backends.{cache}", "LOCATION": "redis://"}
    return {"SESSION_ENGINE": f"{ENGINES}.{engine}", "CACHES": {"default": entry}}


OWN_BACKEND = backends(f"{__name__}.SitesOwnBackend")
OWN = middleware(
    *(f"{__name__}.SitesOwn{kind}" for kind in ("Sessions", "Authentication", "Middleware"))
)
AXES = "axes.backends.AxesStandaloneBackend"
MOZILLA = "mozilla_django_oidc.auth.OIDCAuthenticationBackend"
REFRESH = "mozilla_django_oidc.middleware.SessionRefresh"
JINJA = {"BACKEND": "django.template.backends.jinja2.Jinja2", "APP_DIRS": True}
BULGARIAN = "https://rp.test/bg/sso/signin-callback"
BARE = [app for app in tests_settings.INSTALLED_APPS if app != "django.contrib.staticfiles"]
FRAMED = {"ERPNET_INSTANCEID": {**KEYS, "FRAMED_BY": [PARENT]}}
DEBUG, INSECURE = {"DEBUG": True}, {"SESSION_COOKIE_SECURE": False}
# Each row: the id, wrong settings, settings that silence it, a word of its text.
SITE = [
    ("E001", {"ERPNET_INSTANCEID": None}, {"ERPNET_INSTANCEID": KEYS}, "INSTANCE_URL, APPL"),
    *(
        ("E001", {"ERPNET_INSTANCEID": value}, {"ERPNET_INSTANCEID": KEYS}, "is not a dict")
        for value in ("https://op.test", ["INSTANCE_URL"], 5)
    ),
    ("E020", backends(MODEL_BACKEND, "no.such"), OWN_BACKEND, OUR_BACKEND),
    ("E021", middleware(SESSION, AUTHENTICATION, OUR_BACKEND), OWN, "after Authentication"),
    ("E022", middleware(SESSION, OURS, AUTHENTICATION), OWN, AUTHENTICATION),
    ("W013", middleware(AUTHENTICATION, OURS, SESSION), OWN, SESSION),
    ("E028", {"AUTHENTICATION_BACKENDS": {OUR_BACKEND}}, OWN_BACKEND, "square brackets"),
    ("E028", {"MIDDLEWARE": OURS}, OWN, "must be a list"),
    (
        "W027",
        {"SECURE_CSP": {"form-action": ["'self'"]}},
        {"SECURE_CSP": {"form-action": "'self' *.my.erp.net"}},
        'Add "https://mycompany.my.erp.net"',
    ),
    ("W017", backends(AXES, OUR_BACKEND), backends(OUR_BACKEND, AXES), "before django-axes"),
    ("W018", backends(f"{__name__}.BackendOfBefore"), OWN_BACKEND, "verify_token, get_token"),
    ("W022", middleware(SESSION, AUTHENTICATION, REFRESH, OURS), OWN, f"names {REFRESH}"),
    ("W022", backends(MOZILLA, OUR_BACKEND), backends(OUR_BACKEND), f"names {MOZILLA}"),
    ("W023", {"LOGOUT_REDIRECT_URL": "bye"}, {"LOGOUT_REDIRECT_URL": "/bye/"}, "is 'bye'"),
    ("W024", {"LOGIN_REDIRECT_URL": "/signin"}, {"LOGIN_REDIRECT_URL": "/"}, "after signing in"),
    ("W025", {"LOGIN_REDIRECT_URL": "/bye"}, {"LOGIN_REDIRECT_URL": "/signout"}, "no such page"),
    ("E030", sessions("cache", "dummy.DummyCache"), sessions("cache"), "DummyCache"),
    ("W015", sessions("cache", "locmem.LocMemCache"), DEBUG, "each process has its own"),
    ("W015", sessions("cached_db", "locmem.LocMemCache"), sessions("db"), f"{ENGINES}.db"),
    *(
        ("E033", {"DATABASE_ROUTERS": [router]}, {"DATABASE_ROUTERS": []}, "the users in 'default'")
        for router in (Elsewhere(), Unrelated())
    ),
    ("E031", {"STATIC_URL": None}, {"STATIC_URL": "static/"}, "pages fail"),
    ("E032", {"TEMPLATES": [JINJA]}, {"TEMPLATES": tests_settings.TEMPLATES}, "also beside Jinja2"),
    ("E023", sessions("signed_cookies"), sessions("file"), f"{ENGINES}.db"),
    ("E024", urls(WithoutURLs), urls(__name__), "include("),
    # One thing at a time: the callback's address is not looked at without URLs.
    ("E024", urls(WithoutURLs, CALLBACK_URL=CALLBACK), urls("tests.urls"), "include("),
    ("W002", INSECURE, DEBUG, "https"),
    ("W002", {**INSECURE, **DEBUG, **urls(__name__, CALLBACK_URL=BELOW)}, urls(__name__), "https"),
    ("W006", urls(__name__, CALLBACK_URL=CALLBACK), urls("tests.urls"), "/sso/signin-callback"),
    ("W010", urls(WithLanguages), urls(WithLanguages, CALLBACK_URL=BULGARIAN), "i18n_patterns"),
    ("W010", urls(WithLanguages), {"LANGUAGES": [("en", "English")]}, "CALLBACK_URL"),
    *(
        ("W011", login(wrong), login(right), 'LOGIN_URL = "erpnet_instanceid:signin"')
        for wrong, right in (
            ("/accounts/login/", "erpnet_instanceid:signin"),
            ("/accounts/login/", reverse_lazy("erpnet_instanceid:signin")),
            ("accounts_login", "/own/login/?x=1"),
            ("accounts_login", "/own/login"),
            ("accounts_login", "own"),
            ("erpnet_instanceid:sign_in", "/sso/signin"),
            ("/sso/sign", "/below/sso/signin/"),
            ("/sso/sign", "https://portal.example.com/login"),
        )
    ),
    ("W016", {"STATIC_URL": None, "INSTALLED_APPS": BARE}, {"STATIC_URL": "x/"}, "no style sheet"),
    ("W019", FRAMED, {**COOKIES, "SESSION_COOKIE_SAMESITE": "none"}, "browsers drop"),
]


@pytest.mark.parametrize(("name", "wrong", "cure", "word"), SITE)
def test_wrong_setting_of_the_site_is_named(name, wrong, cure, word):
    with override_settings(**wrong):
        assert ids() == [name]
        assert word in first_line()
        with override_settings(**cure):
            assert ids() == []


@pytest.mark.parametrize(
    ("keys", "expected", "word"),
    [
        ({"LINK_KEEPS_PASSWORD": True}, [], ""),
        ({"LINK_USERS_BY": "email"}, ["W020"], "open sessions end"),
        ({"LINK_USERS_BY": "username", "LINK_KEEPS_PASSWORD": True}, ["W021"], "local password"),
    ],
)
def test_w020_w021_taking_over_users_is_told_to_deployers(settings, keys, expected, word):
    settings.ERPNET_INSTANCEID = {**KEYS, **keys}
    assert ids(run_checks()) == []
    found = run_checks(include_deployment_checks=True)
    assert ids(found) == expected
    assert word in str(found)


@pytest.mark.parametrize(
    ("database", "expected"),
    [
        ({}, ["W003"]),
        ({"OPTIONS": None}, ["W003"]),
        ({"OPTIONS": {"transaction_mode": "DEFERRED"}}, ["W003"]),
        ({"OPTIONS": {"transaction_mode": "IMMEDIATE"}}, []),
        ({"OPTIONS": {"transaction_mode": "EXCLUSIVE"}}, []),
        ({"ENGINE": "django.db.backends.postgresql"}, []),
    ],
)
def test_w003_sqlite(settings, database, expected):
    with pytest.warns(UserWarning, match="DATABASES"):
        settings.DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", **database}}
    assert ids() == expected


def test_every_check_has_a_test_and_its_own_id():
    numbered = check_ids()
    assert len(numbered) == len(set(numbered))
    folder = Path(__file__).parent
    tests = "".join(path.read_text(encoding="utf-8") for path in folder.glob("test_*.py"))
    assert not [name for name in numbered if name not in tests and name.lower() not in tests]
