"""Every system check: what makes it speak, and what silences it."""

from pathlib import Path

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import Group
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import run_checks
from django.urls import include, path, reverse_lazy

from erpnet_instanceid.backends import InstanceIDBackend
from erpnet_instanceid.checks import check_settings, check_site, of_settings, of_users
from erpnet_instanceid.conf import DEFAULTS
from erpnet_instanceid.middleware import TokenRefreshMiddleware

from .. import settings as tests_settings
from ..support.check_ids import check_ids

KEYS = {
    "INSTANCE_URL": "https://mycompany.my.erp.net",
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


class SitesOwnBackend(InstanceIDBackend):
    pass


class BackendOfBefore(InstanceIDBackend):
    """Written for mozilla-django-oidc."""

    def verify_token(self, token, **kwargs):
        return {}

    def get_token(self, payload):
        return {}


class SitesOwnMiddleware(TokenRefreshMiddleware):
    pass


class SitesOwnAuthentication(AuthenticationMiddleware):
    pass


class SitesOwnSessions(SessionMiddleware):
    pass


urlpatterns = [path("sso/", include("erpnet_instanceid.urls"))]


class WithOwnPage:
    """A URLconf with a sign-in page of the site's own."""

    urlpatterns = [
        *urlpatterns,
        path("", lambda request: None),
        path("own/login/", lambda request: None, name="own"),
    ]


class WithLanguages:
    """A URLconf whose addresses begin with a language."""

    urlpatterns = i18n_patterns(*urlpatterns)


class WithoutURLs:
    """A URLconf that lacks the app's URLs."""

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


def ids():
    return [str(message.id).removeprefix("erpnet_instanceid.") for message in told()]


def text():
    return " ".join(f"{message.msg} {message.hint}" for message in told())


def change(settings, values):
    for name, value in values.items():
        setattr(settings, name, value)


def test_sound_site_passes():
    assert told() == []
    assert not [m for m in run_checks() if str(m.id).startswith("erpnet_instanceid")]


def test_checks_run_with_the_security_ones(settings):
    settings.ERPNET_INSTANCEID = {}
    found = run_checks(tags=["security"])
    assert [m.id for m in found if str(m.id).startswith("erpnet_instanceid")] == [
        "erpnet_instanceid.E003"
    ] * 3


# Each row: the id, wrong keys, keys that silence it, a word of its text.
KEYS_OF_THE_DICT = [
    ("E002", {"APLICATION_URI": "x"}, {}, "APPLICATION_URI?"),
    ("E003", {"INSTANCE_URL": None}, {}, "INSTANCE_URL"),
    ("E003", {"APPLICATION_URI": "  "}, {}, "APPLICATION_URI"),
    ("E003", {"APPLICATION_SECRET": ""}, {}, "instanceid register"),
    ("E003", {"APPLICATION_SECRET": 5}, {}, "APPLICATION_SECRET"),
    ("E004", {"INSTANCE_URL": "http://op.test"}, {"INSTANCE_URL": "http://127.0.0.1:8000"}, "http"),
    ("E004", {"ISSUER": "http://op.test/id"}, {"ISSUER": "https://op.test/id"}, "ISSUER"),
    ("E004", {"ISSUER": "https://a@op.test/id"}, {}, "ISSUER"),
    ("E004", {"ISSUER": "https://[op.test/id"}, {}, "ISSUER"),
    ("E004", {"CALLBACK_URL": "/signin-callback"}, {"CALLBACK_URL": None}, "CALLBACK_URL"),
    ("E004", {"CALLBACK_URL": 5}, {"CALLBACK_URL": CALLBACK}, "CALLBACK_URL"),
    ("E004", {"POST_LOGOUT_URL": "ftp://rp.test"}, {"POST_LOGOUT_URL": None}, "POST_LOGOUT_URL"),
    ("E005", {"INSTANCE_URL": "https://op.test/id/"}, {"INSTANCE_URL": "https://op.test/"}, "/id"),
    ("E006", {"RESPONSE_TYPE": "token"}, {"RESPONSE_TYPE": "code"}, "code id_token"),
    ("E007", {"RESPONSE_MODE": "query"}, {"RESPONSE_MODE": "form_post"}, "form_post"),
    ("E007", {"RESPONSE_TYPE": "code", "RESPONSE_MODE": "x"}, {}, "'form_post' or 'query'"),
    ("E008", {"SCOPE": "offline_access"}, {"SCOPE": "openid offline_access"}, "openid"),
    ("W001", {"SCOPE": "openid read"}, {"SCOPE": "openid read offline_access"}, "offline_access"),
    ("E009", {"SIGNING_ALGORITHMS": ["RS256", "none"]}, {"SIGNING_ALGORITHMS": None}, "RS256"),
    ("E009", {"SIGNING_ALGORITHMS": []}, {"SIGNING_ALGORITHMS": ["ES256"]}, "RS256"),
    ("E009", {"SIGNING_ALGORITHMS": "RS256"}, {"SIGNING_ALGORITHMS": ("RS256",)}, "RS256"),
    ("E009", {"SIGNING_ALGORITHMS": [["RS256"]]}, {}, "RS256"),
    ("E010", {"LINK_USERS_BY": ["email"]}, {"LINK_USERS_BY": "email"}, "'username'"),
    ("E011", {"ALLOWED_USER_TYPES": "InternalUser"}, {}, "square brackets"),
    ("E011", {"ADMIN_FLAGS": 5}, {"ADMIN_FLAGS": []}, "square brackets"),
    ("E012", {"ALLOWED_USER_TYPES": ["SystemUserNoLogin"]}, {}, "SystemUserNoLogin"),
    ("E013", {"REFRESH_MARGIN": -1}, {"REFRESH_MARGIN": 0}, "REFRESH_MARGIN"),
    ("E013", {"CONNECT_TIMEOUT": 0}, {"CONNECT_TIMEOUT": 0.5}, "CONNECT_TIMEOUT"),
    ("E013", {"DEADLINE": True}, {"DEADLINE": 2.5}, "default is 10"),
    ("E013", {"DEADLINE": float("nan")}, {}, "DEADLINE"),
    ("E013", {"DEADLINE": float("inf")}, {}, "DEADLINE"),
    ("E013", {"SIGN_IN_LIFETIME": [900]}, {"SIGN_IN_LIFETIME": None}, "SIGN_IN_LIFETIME"),
    ("E013", {"API_MAX_BYTES": 0.5}, {"API_MAX_BYTES": 1}, "1 or more"),
    ("E014", {"ADMIN_FLAGS": ["is_wizard"]}, {"ADMIN_FLAGS": ["is_staff"]}, "is_wizard"),
    ("E015", {"USER_TYPE_GROUPS": ["staff"]}, {"USER_TYPE_GROUPS": {}}, "USER_TYPE_GROUPS"),
    ("E015", {"USER_TYPE_GROUPS": {"InternalUser": "staff"}}, {}, "USER_TYPE_GROUPS"),
    ("E016", {"APPLICATION_SECRET": "secret\n"}, {"APPLICATION_SECRET": "se cret"}, "strip"),
    ("E016", {"CALLBACK_URL": f" {CALLBACK}"}, {"CALLBACK_URL": CALLBACK}, "white space"),
    ("E017", {"ISSUER": "https://op.test/id?x=1"}, {"ISSUER": "https://op.test/id"}, "query"),
    ("E018", {"CREATE_USERS": 0}, {"CREATE_USERS": False}, "True or False"),
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
    ("W008", {"ALLOWED_USER_TYPES": ["*"]}, {}, "InternalUser, ExternalCommunityUser"),
    ("W009", {"POST_LOGOUT_URL": "https://rp.test/signout"}, {}, "/signout-callback"),
    ("W014", {"INSTANCE_URL": "https://op.test/web/"}, {"INSTANCE_URL": "https://op.test"}, "/web"),
]


@pytest.mark.parametrize(("name", "wrong", "cure", "word"), KEYS_OF_THE_DICT)
def test_wrong_key_is_named_with_its_cure(settings, name, wrong, cure, word):
    settings.ERPNET_INSTANCEID = {**KEYS, **wrong}
    assert ids() == [name]
    assert word in text()
    assert any(key in text() for key in wrong)

    settings.ERPNET_INSTANCEID = {**KEYS, **cure}
    assert told() == []


@pytest.mark.parametrize("value", [None, "https://op.test", ["INSTANCE_URL"], 5])
def test_e001_without_a_dict(settings, value):
    settings.ERPNET_INSTANCEID = value
    assert ids() == ["E001"]
    assert "INSTANCE_URL" in text()
    assert ("not a dict" if value else "missing") in text()


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("INSTANCE_URI", "INSTANCE_URL"),
        ("instance_url", "INSTANCE_URL"),
        ("URL", "INSTANCE_URL"),
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
    settings.ERPNET_INSTANCEID = {**KEYS, key: "x"}
    (found,) = told()
    assert found.id == "erpnet_instanceid.E002"
    assert key in found.msg
    assert found.hint == f"Did you mean {near}?"


def test_misspelt_required_key_gets_one_message(settings):
    others = {key: value for key, value in KEYS.items() if key != "APPLICATION_URI"}
    settings.ERPNET_INSTANCEID = {**others, "APLICATION_URI": "x"}
    (found,) = told()
    assert found.hint == "Did you mean APPLICATION_URI?"


@pytest.mark.parametrize("key", ["ZZZ", 5, None])
def test_e002_names_all_keys_if_no_key_is_similar(settings, key):
    settings.ERPNET_INSTANCEID = {**KEYS, key: "x"}
    assert ids() == ["E002"]
    assert all(known in text() for known in DEFAULTS)


def test_e002_names_only_keys_that_exist():
    assert set(of_settings.SYNONYMS.values()) <= set(DEFAULTS)
    assert not set(of_settings.SYNONYMS) & set(DEFAULTS)


def test_e003_names_each_missing_key(settings):
    settings.ERPNET_INSTANCEID = {}
    assert ids() == ["E003"] * 3
    assert all(f'["{key}"]' in message.msg for key, message in zip(KEYS, told(), strict=True))


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


def sessions(engine, cache="redis.RedisCache"):
    entry = {"BACKEND": f"django.core.cache.backends.{cache}", "LOCATION": "redis://"}
    return {"SESSION_ENGINE": f"{ENGINES}.{engine}", "CACHES": {"default": entry}}


OWN_BACKEND, OWN_MIDDLEWARE = f"{__name__}.SitesOwnBackend", f"{__name__}.SitesOwnMiddleware"
OWN_AUTHENTICATION, OWN_SESSION = (
    f"{__name__}.SitesOwnAuthentication",
    f"{__name__}.SitesOwnSessions",
)
AXES = "axes.backends.AxesStandaloneBackend"
REFRESH = "mozilla_django_oidc.middleware.SessionRefresh"
JINJA = {"BACKEND": "django.template.backends.jinja2.Jinja2", "APP_DIRS": True}
BULGARIAN = "https://rp.test/bg/sso/signin-callback"
DEBUG, INSECURE = {"DEBUG": True}, {"SESSION_COOKIE_SECURE": False}
# Each row: the id, wrong settings, settings that silence it, a word of its text.
SITE = [
    ("E020", backends(MODEL_BACKEND, "no.such"), backends(OWN_BACKEND, MODEL_BACKEND), OUR_BACKEND),
    (
        "E021",
        middleware(SESSION, AUTHENTICATION, f"{__name__}.told"),
        middleware(SESSION, AUTHENTICATION, OWN_MIDDLEWARE),
        "after AuthenticationMiddleware",
    ),
    (
        "E022",
        middleware(SESSION, OURS, AUTHENTICATION),
        middleware(SESSION, OWN_AUTHENTICATION, OURS),
        AUTHENTICATION,
    ),
    (
        "W013",
        middleware(AUTHENTICATION, OURS, SESSION),
        middleware(OWN_SESSION, AUTHENTICATION, OURS),
        SESSION,
    ),
    ("E028", {"AUTHENTICATION_BACKENDS": {OWN_BACKEND}}, backends(OWN_BACKEND), "square brackets"),
    ("E028", {"MIDDLEWARE": OURS}, middleware(SESSION, AUTHENTICATION, OURS), "must be a list"),
    (
        "W027",
        {"SECURE_CSP": {"form-action": ["'self'"]}},
        {"SECURE_CSP": {"form-action": "'self' *.my.erp.net"}},
        'Add "https://mycompany.my.erp.net"',
    ),
    ("W017", backends(AXES, OUR_BACKEND), backends(OUR_BACKEND, AXES), "before django-axes"),
    (
        "W018",
        backends(f"{__name__}.BackendOfBefore"),
        backends(OWN_BACKEND),
        "BackendOfBefore overrides verify_token, get_token",
    ),
    (
        "W022",
        middleware(SESSION, AUTHENTICATION, REFRESH, OURS),
        middleware(SESSION, AUTHENTICATION, OURS),
        f"MIDDLEWARE names {REFRESH}",
    ),
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
]


@pytest.mark.parametrize(("name", "wrong", "cure", "word"), SITE)
def test_wrong_setting_of_the_site_is_named(settings, name, wrong, cure, word):
    change(settings, wrong)
    assert ids() == [name]
    assert word in text()
    change(settings, cure)
    assert ids() == []


@pytest.mark.parametrize(
    "url", ["/accounts/login/", "accounts_login", "erpnet_instanceid:sign_in", "/sso/sign"]
)
def test_w011_login_url_without_a_page(settings, url):
    settings.ROOT_URLCONF = WithOwnPage
    settings.LOGIN_URL = url
    assert ids() == ["W011"]
    assert 'LOGIN_URL = "erpnet_instanceid:signin"' in text()


@pytest.mark.parametrize(
    "url",
    [
        "erpnet_instanceid:signin",
        reverse_lazy("erpnet_instanceid:signin"),
        "/sso/signin",
        "/below/sso/signin/",
        "/own/login/?x=1",
        "/own/login",
        "own",
        "https://portal.example.com/login",
    ],
)
def test_w011_allows_any_page(settings, url):
    settings.ROOT_URLCONF = WithOwnPage
    settings.LOGIN_URL = url
    assert ids() == []


def test_w016_site_without_static_files(settings):
    settings.STATIC_URL = None
    settings.INSTALLED_APPS = [
        app for app in settings.INSTALLED_APPS if app != "django.contrib.staticfiles"
    ]
    assert ids() == ["W016"]


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
