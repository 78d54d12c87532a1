"""Every system check: what makes it speak, and what silences it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import Group
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import CheckMessage, run_checks
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
SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
MOZILLA = "mozilla_django_oidc"
OURS = "erpnet_instanceid.middleware.TokenRefreshMiddleware"
OUR_BACKEND = "erpnet_instanceid.backends.InstanceIDBackend"
MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"
ENGINES = "django.contrib.sessions.backends"


class SitesOwnBackend(InstanceIDBackend):
    pass


class BackendOfBefore(InstanceIDBackend):
    """Written for mozilla-django-oidc."""

    def verify_token(self, token: str, **kwargs: Any) -> Any:
        return {}

    def get_token(self, payload: dict[str, Any]) -> Any:
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

    urlpatterns: list[Any] = [
        *urlpatterns,
        path("", lambda request: None),
        path("own/login/", lambda request: None, name="own"),
    ]


class WithLanguages:
    """A URLconf whose addresses begin with a language."""

    urlpatterns: list[Any] = i18n_patterns(*urlpatterns)


class WithoutURLs:
    """A URLconf that lacks the app's URLs."""

    urlpatterns: list[Any] = []


class Elsewhere:
    """Sends the app to a database of its own."""

    def db_for_write(self, model: type, **_hints: Any) -> str | None:
        return "elsewhere" if model._meta.app_label == "erpnet_instanceid" else None  # type: ignore[attr-defined]


class ElsewhereAndRelated(Elsewhere):
    def allow_relation(self, *_objects: Any, **_hints: Any) -> bool:
        return True


def caches(backend: str) -> dict[str, Any]:
    return {"default": {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": "redis://"}}


@pytest.fixture(autouse=True)
def sound_site(settings: Any) -> None:
    """A site that every check accepts."""
    settings.SESSION_COOKIE_SECURE = True
    settings.ERPNET_INSTANCEID = KEYS


def told() -> list[CheckMessage]:
    return [*check_settings(), *check_site()]


def ids() -> list[str]:
    return [str(message.id).removeprefix("erpnet_instanceid.") for message in told()]


def text() -> str:
    return " ".join(f"{message.msg} {message.hint}" for message in told())


def change(settings: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(settings, name, value)


def test_sound_site_passes() -> None:
    assert told() == []
    assert not [m for m in run_checks() if str(m.id).startswith("erpnet_instanceid")]


def test_checks_run_with_the_security_ones(settings: Any) -> None:
    settings.ERPNET_INSTANCEID = {}
    found = run_checks(tags=["security"])
    assert [m.id for m in found if str(m.id).startswith("erpnet_instanceid")] == [
        "erpnet_instanceid.E003"
    ] * 3


# Each row: the id, wrong keys, keys that silence it, a word of its text.
KEYS_OF_THE_DICT: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("E002", {"APLICATION_URI": "x"}, {}, "APPLICATION_URI?"),
    ("E003", {"INSTANCE_URL": ""}, {}, "INSTANCE_URL"),
    ("E003", {"INSTANCE_URL": None}, {}, "INSTANCE_URL"),
    ("E003", {"APPLICATION_URI": "  "}, {}, "APPLICATION_URI"),
    ("E003", {"APPLICATION_SECRET": ""}, {}, "instanceid register"),
    ("E003", {"APPLICATION_SECRET": 5}, {}, "APPLICATION_SECRET"),
    ("E004", {"INSTANCE_URL": "http://op.test"}, {"INSTANCE_URL": "http://127.0.0.1:8000"}, "http"),
    ("E004", {"INSTANCE_URL": "mycompany.my.erp.net"}, {}, "https://"),
    ("E004", {"ISSUER": "http://op.test/id"}, {"ISSUER": "https://op.test/id"}, "ISSUER"),
    ("E004", {"CALLBACK_URL": "/signin-callback"}, {"CALLBACK_URL": None}, "CALLBACK_URL"),
    ("E004", {"CALLBACK_URL": 5}, {"CALLBACK_URL": CALLBACK}, "CALLBACK_URL"),
    ("E004", {"POST_LOGOUT_URL": "ftp://rp.test"}, {"POST_LOGOUT_URL": None}, "POST_LOGOUT_URL"),
    ("E004", {"ISSUER": "https://a@op.test/id"}, {}, "ISSUER"),
    ("E004", {"ISSUER": "https://[op.test/id"}, {}, "ISSUER"),
    ("E005", {"INSTANCE_URL": "https://op.test/id"}, {"INSTANCE_URL": "https://op.test"}, "/id"),
    ("E005", {"INSTANCE_URL": "https://op.test/id/"}, {"INSTANCE_URL": "https://op.test/"}, "/id"),
    ("E006", {"RESPONSE_TYPE": "token"}, {"RESPONSE_TYPE": "code"}, "code id_token"),
    ("E006", {"RESPONSE_TYPE": "id_token code"}, {"RESPONSE_TYPE": None}, "code id_token"),
    ("E007", {"RESPONSE_MODE": "query"}, {"RESPONSE_MODE": "form_post"}, "form_post"),
    (
        "E007",
        {"RESPONSE_TYPE": "code", "RESPONSE_MODE": "fragment"},
        {"RESPONSE_TYPE": "code", "RESPONSE_MODE": "query"},
        "'form_post' or 'query'",
    ),
    ("E008", {"SCOPE": "offline_access"}, {"SCOPE": "openid offline_access"}, "openid"),
    ("W001", {"SCOPE": "openid read"}, {"SCOPE": "openid read offline_access"}, "offline_access"),
    ("E009", {"SIGNING_ALGORITHMS": ["HS256"]}, {"SIGNING_ALGORITHMS": ["ES256"]}, "RS256"),
    ("E009", {"SIGNING_ALGORITHMS": ["RS256", "none"]}, {"SIGNING_ALGORITHMS": None}, "RS256"),
    ("E009", {"SIGNING_ALGORITHMS": []}, {}, "RS256"),
    ("E009", {"SIGNING_ALGORITHMS": "RS256"}, {"SIGNING_ALGORITHMS": ("RS256",)}, "RS256"),
    ("E009", {"SIGNING_ALGORITHMS": [["RS256"]]}, {}, "RS256"),
    ("E010", {"LINK_USERS_BY": "name"}, {"LINK_USERS_BY": "email"}, "'username'"),
    ("E010", {"LINK_USERS_BY": ["email"]}, {"LINK_USERS_BY": "username"}, "'username'"),
    (
        "E011",
        {"ALLOWED_USER_TYPES": "InternalUser"},
        {"ALLOWED_USER_TYPES": ["InternalUser"]},
        "square brackets",
    ),
    ("E035", {"RIGHTS_FROM": "me"}, {"RIGHTS_FROM": "profile"}, "'token'"),
    ("E035", {"RIGHTS_FROM": ["token"]}, {"RIGHTS_FROM": "token"}, "'profile'"),
    ("E011", {"ADMIN_FLAGS": "is_staff"}, {"ADMIN_FLAGS": ["is_staff"]}, "square brackets"),
    ("E011", {"ADMIN_FLAGS": 5}, {"ADMIN_FLAGS": []}, "square brackets"),
    ("E026", {"ADMIN_FLAGS": None}, {"ADMIN_FLAGS": []}, "[] to leave"),
    (
        "E012",
        {"ALLOWED_USER_TYPES": ["InternalUser", "SystemUserNoLogin"]},
        {"ALLOWED_USER_TYPES": ["InternalUser", "ExternalCommunityUser"]},
        "SystemUserNoLogin",
    ),
    ("E013", {"REFRESH_MARGIN": -1}, {"REFRESH_MARGIN": 0}, "REFRESH_MARGIN"),
    ("E013", {"CLOCK_SKEW": "60"}, {"CLOCK_SKEW": 60}, "CLOCK_SKEW"),
    ("E013", {"CONNECT_TIMEOUT": 0}, {"CONNECT_TIMEOUT": 0.5}, "CONNECT_TIMEOUT"),
    ("E013", {"DEADLINE": True}, {"DEADLINE": 2.5}, "default is 10"),
    ("E013", {"DEADLINE": float("nan")}, {}, "DEADLINE"),
    ("E013", {"DEADLINE": float("inf")}, {}, "DEADLINE"),
    ("E013", {"SIGN_IN_LIFETIME": [900]}, {"SIGN_IN_LIFETIME": None}, "SIGN_IN_LIFETIME"),
    ("E013", {"API_MAX_BYTES": -5}, {"API_MAX_BYTES": 1024}, "API_MAX_BYTES"),
    ("E013", {"SIGN_IN_LIFETIME": 0.5}, {"SIGN_IN_LIFETIME": 1}, "1 or more"),
    ("E013", {"API_MAX_BYTES": 0.5}, {"API_MAX_BYTES": 1}, "1 or more"),
    ("W004", {"SIGN_IN_LIFETIME": 7200}, {"SIGN_IN_LIFETIME": 3600}, "3600"),
    ("W005", {"CLOCK_SKEW": 301}, {"CLOCK_SKEW": 300}, "300 s"),
    ("W007", {"ALLOWED_USER_TYPES": []}, {"ALLOWED_USER_TYPES": None}, "nobody"),
    (
        "W008",
        {"ALLOWED_USER_TYPES": ["InternalUsers"]},
        {"ALLOWED_USER_TYPES": ("InternalUser",)},
        "mean InternalUser?",
    ),
    ("W008", {"ALLOWED_USER_TYPES": ["CommunityUser"]}, {}, "mean ExternalCommunityUser?"),
    ("W008", {"ALLOWED_USER_TYPES": ["*"]}, {}, "InternalUser, ExternalCommunityUser"),
    ("E019", {"SCOPE": ["openid", "read"]}, {"SCOPE": None}, "separated by spaces"),
    ("E019", {"SCOPE": "openid,offline_access"}, {}, "separated by spaces"),
    ("E019", {"SERVICE_SCOPE": ["read"]}, {"SERVICE_SCOPE": "read update"}, "separated by spaces"),
    (
        "W009",
        {"POST_LOGOUT_URL": "https://rp.test/signout"},
        {"POST_LOGOUT_URL": "https://rp.test/signout-callback/"},
        "/signout-callback",
    ),
    ("E014", {"ADMIN_FLAGS": ["is_wizard"]}, {"ADMIN_FLAGS": ["is_staff"]}, "is_wizard"),
    ("E015", {"USER_TYPE_GROUPS": ["staff"]}, {"USER_TYPE_GROUPS": {}}, "USER_TYPE_GROUPS"),
    (
        "E015",
        {"USER_TYPE_GROUPS": {"InternalUser": "staff"}},
        {"USER_TYPE_GROUPS": {"InternalUser": ["staff"]}},
        "USER_TYPE_GROUPS",
    ),
    ("E016", {"APPLICATION_SECRET": "secret\n"}, {"APPLICATION_SECRET": "se cret"}, "strip"),
    ("E016", {"APPLICATION_URI": " backend"}, {"APPLICATION_URI": "backend"}, "white space"),
    ("E016", {"INSTANCE_URL": "https://op.test\n"}, {}, "strip"),
    ("E016", {"CALLBACK_URL": f" {CALLBACK}"}, {"CALLBACK_URL": CALLBACK}, "white space"),
    ("E029", {"APPLICATION_URI": "https://rp.test"}, {"APPLICATION_URI": "rp.test"}, "https://"),
    ("E029", {"APPLICATION_URI": "app://rp.test"}, {}, "without a scheme"),
    ("W014", {"INSTANCE_URL": "https://op.test/web/"}, {"INSTANCE_URL": "https://op.test"}, "/web"),
    ("E017", {"INSTANCE_URL": "https://op.test?x=1"}, {"INSTANCE_URL": "https://op.test"}, "query"),
    ("E017", {"ISSUER": "https://op.test/id?x=1"}, {"ISSUER": "https://op.test/id"}, "query"),
    ("E018", {"CREATE_USERS": "False"}, {"CREATE_USERS": False}, "True or False"),
    ("E018", {"CREATE_USERS": 0}, {"CREATE_USERS": None}, "True or False"),
    (
        "W006",
        {"CALLBACK_URL": "https://rp.test/signin-calback"},
        {"CALLBACK_URL": CALLBACK},
        "/signin-callback",
    ),
    ("W006", {"CALLBACK_URL": "https://rp.test/signin"}, {"CALLBACK_URL": CALLBACK + "/"}, "path"),
    (
        "W006",
        {"CALLBACK_URL": "https://rp.test"},
        {"CALLBACK_URL": "https://rp.test/below/signin-callback"},
        "path",
    ),
]


@pytest.mark.parametrize(("name", "wrong", "cure", "word"), KEYS_OF_THE_DICT)
def test_wrong_key_is_named_with_its_cure(
    settings: Any, name: str, wrong: dict[str, Any], cure: dict[str, Any], word: str
) -> None:
    settings.ERPNET_INSTANCEID = {**KEYS, **wrong}
    assert ids() == [name]
    assert word in text()
    assert any(key in text() for key in wrong)

    settings.ERPNET_INSTANCEID = {**KEYS, **cure}
    assert told() == []


@pytest.mark.parametrize("value", [None, "https://op.test", ["INSTANCE_URL"], 5])
def test_e001_without_a_dict(settings: Any, value: Any) -> None:
    settings.ERPNET_INSTANCEID = value
    assert ids() == ["E001"]
    assert "INSTANCE_URL" in text()
    assert ("not a dict" if value else "missing") in text()


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("INSTANCE", "INSTANCE_URL"),
        ("INSTANCE_URI", "INSTANCE_URL"),
        ("instance_url", "INSTANCE_URL"),
        ("CLIENT_SECRET", "APPLICATION_SECRET"),
        ("SCOPES", "SCOPE"),
        ("SECRET", "APPLICATION_SECRET"),
        ("CLIENT_ID", "APPLICATION_URI"),
        ("client-id", "APPLICATION_URI"),
        ("OIDC_RP_CLIENT_ID", "APPLICATION_URI"),
        ("ERPNET_CLIENT_SECRET", "APPLICATION_SECRET"),
        ("REDIRECT_URI", "CALLBACK_URL"),
        ("LOGIN_URL", "CALLBACK_URL"),
        ("ImpersonateLogoutUrl", "POST_LOGOUT_URL"),
        ("URL", "INSTANCE_URL"),
        ("BASE_URL", "INSTANCE_URL"),
        ("AUTHORITY", "ISSUER"),
        ("USER_TYPES", "ALLOWED_USER_TYPES"),
        ("ALGORITHMS", "SIGNING_ALGORITHMS"),
        ("LEEWAY", "CLOCK_SKEW"),
        ("ALLOWED_USERTYPES", "ALLOWED_USER_TYPES"),
        ("LINK_USER_BY", "LINK_USERS_BY"),
        ("TIMEOUT", "CONNECT_TIMEOUT"),
    ],
)
def test_e002_names_the_nearest_key(settings: Any, key: str, near: str) -> None:
    settings.ERPNET_INSTANCEID = {**KEYS, key: "x"}
    (found,) = told()
    assert found.id == "erpnet_instanceid.E002"
    assert key in found.msg
    assert found.hint == f"Did you mean {near}?"


def test_misspelt_required_key_gets_one_message(settings: Any) -> None:
    others = {key: value for key, value in KEYS.items() if key != "APPLICATION_URI"}
    settings.ERPNET_INSTANCEID = {**others, "APLICATION_URI": "x"}
    (found,) = told()
    assert found.hint == "Did you mean APPLICATION_URI?"


@pytest.mark.parametrize("key", ["ZZZ", 5, None])
def test_e002_names_all_keys_if_no_key_is_similar(settings: Any, key: Any) -> None:
    settings.ERPNET_INSTANCEID = {**KEYS, key: "x"}
    assert ids() == ["E002"]
    assert all(known in text() for known in DEFAULTS)


def test_e002_names_only_keys_that_exist() -> None:
    assert set(of_settings.SYNONYMS.values()) <= set(DEFAULTS)
    assert not set(of_settings.SYNONYMS) & set(DEFAULTS)


def test_e003_names_each_missing_key(settings: Any) -> None:
    settings.ERPNET_INSTANCEID = {}
    assert ids() == ["E003"] * 3
    assert all(f'["{key}"]' in message.msg for key, message in zip(KEYS, told(), strict=True))


def test_e014_allows_the_default(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user model may lack staff and superusers; the backend then sets no flags."""
    monkeypatch.setattr(of_users, "get_user_model", lambda: Group)
    assert ids() == []
    settings.ERPNET_INSTANCEID = {**KEYS, "ADMIN_FLAGS": ["is_staff"]}
    assert ids() == ["E014"]
    settings.ERPNET_INSTANCEID = {**KEYS, "ADMIN_FLAGS": []}
    assert ids() == []


def test_no_check_repeats_a_secret(settings: Any) -> None:
    secret = "the secret of this site"
    settings.ERPNET_INSTANCEID = {"APPLICATION_SECRET": [secret], "SECRET": secret}
    assert len(told()) > 3
    assert secret not in str(told())


# Each row: the id, wrong settings, settings that silence it, a word of its text.
SITE: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (
        "E020",
        {"AUTHENTICATION_BACKENDS": [MODEL_BACKEND, "no.such.Backend"]},
        {"AUTHENTICATION_BACKENDS": [f"{__name__}.SitesOwnBackend", MODEL_BACKEND]},
        "erpnet_instanceid.backends.InstanceIDBackend",
    ),
    (
        "E021",
        {"MIDDLEWARE": [SESSION, AUTHENTICATION, f"{__name__}.told"]},
        {"MIDDLEWARE": [SESSION, AUTHENTICATION, f"{__name__}.SitesOwnMiddleware"]},
        "after AuthenticationMiddleware",
    ),
    (
        "E022",
        {"MIDDLEWARE": [SESSION, OURS, AUTHENTICATION]},
        {"MIDDLEWARE": [SESSION, AUTHENTICATION, OURS]},
        AUTHENTICATION,
    ),
    (
        "E022",
        {"MIDDLEWARE": [SESSION, OURS]},
        {"MIDDLEWARE": [SESSION, f"{__name__}.SitesOwnAuthentication", OURS]},
        AUTHENTICATION,
    ),
    (
        "W013",
        {"MIDDLEWARE": [AUTHENTICATION, OURS, SESSION]},
        {"MIDDLEWARE": [f"{__name__}.SitesOwnSessions", AUTHENTICATION, OURS]},
        SESSION,
    ),
    (
        "E028",
        {"AUTHENTICATION_BACKENDS": {f"{__name__}.SitesOwnBackend"}},
        {"AUTHENTICATION_BACKENDS": (f"{__name__}.SitesOwnBackend",)},
        "square brackets",
    ),
    (
        "E028",
        {"MIDDLEWARE": OURS},
        {"MIDDLEWARE": (SESSION, AUTHENTICATION, OURS)},
        "MIDDLEWARE must be a list",
    ),
    (
        "W017",
        {"AUTHENTICATION_BACKENDS": ["axes.backends.AxesStandaloneBackend", OUR_BACKEND]},
        {"AUTHENTICATION_BACKENDS": [OUR_BACKEND, "axes.backends.AxesStandaloneBackend"]},
        "before django-axes",
    ),
    (
        "W018",
        {"AUTHENTICATION_BACKENDS": [f"{__name__}.BackendOfBefore"]},
        {"AUTHENTICATION_BACKENDS": [f"{__name__}.SitesOwnBackend"]},
        "BackendOfBefore overrides verify_token, get_token",
    ),
    (
        "W022",
        {"MIDDLEWARE": [SESSION, AUTHENTICATION, f"{MOZILLA}.middleware.SessionRefresh", OURS]},
        {"MIDDLEWARE": [SESSION, AUTHENTICATION, OURS]},
        "MIDDLEWARE names mozilla_django_oidc.middleware.SessionRefresh",
    ),
    (
        "W023",
        {"LOGOUT_REDIRECT_URL": "bye"},
        {"LOGOUT_REDIRECT_URL": "/bye/"},
        "LOGOUT_REDIRECT_URL is 'bye'",
    ),
    (
        "E030",
        {"SESSION_ENGINE": f"{ENGINES}.cache", "CACHES": caches("dummy.DummyCache")},
        {"CACHES": caches("redis.RedisCache")},
        "DummyCache",
    ),
    (
        "W015",
        {"SESSION_ENGINE": f"{ENGINES}.cache", "CACHES": caches("locmem.LocMemCache")},
        {"DEBUG": True},
        "each process has its own",
    ),
    (
        "W015",
        {"SESSION_ENGINE": f"{ENGINES}.cached_db", "CACHES": caches("locmem.LocMemCache")},
        {"CACHES": caches("dummy.DummyCache")},
        f"{ENGINES}.db",
    ),
    (
        "E033",
        {"DATABASE_ROUTERS": [Elsewhere()]},
        {"DATABASE_ROUTERS": [ElsewhereAndRelated()]},
        "in database 'elsewhere' and the users in 'default'",
    ),
    ("E031", {"STATIC_URL": None}, {"STATIC_URL": "static/"}, "pages fail"),
    ("E032", {"TEMPLATES": []}, {"TEMPLATES": tests_settings.TEMPLATES}, "DjangoTemplates"),
    (
        "E032",
        {"TEMPLATES": [{"BACKEND": "django.template.backends.jinja2.Jinja2", "APP_DIRS": True}]},
        {"TEMPLATES": tests_settings.TEMPLATES},
        "also beside Jinja2",
    ),
    (
        "E023",
        {"SESSION_ENGINE": f"{ENGINES}.signed_cookies"},
        {"SESSION_ENGINE": f"{ENGINES}.file"},
        f"{ENGINES}.db",
    ),
    ("E024", {"ROOT_URLCONF": WithoutURLs}, {"ROOT_URLCONF": __name__}, "include("),
    (
        # One thing at a time: the callback's address is not looked at without URLs.
        "E024",
        {"ROOT_URLCONF": WithoutURLs, "ERPNET_INSTANCEID": {**KEYS, "CALLBACK_URL": CALLBACK}},
        {"ROOT_URLCONF": "tests.urls"},
        "include(",
    ),
    (
        "W002",
        {"SESSION_COOKIE_SECURE": False},
        {"DEBUG": True},
        "https",
    ),
    (
        "W002",
        {
            "SESSION_COOKIE_SECURE": False,
            "DEBUG": True,
            "ERPNET_INSTANCEID": {**KEYS, "CALLBACK_URL": CALLBACK},
        },
        {"SESSION_COOKIE_SECURE": True},
        "https",
    ),
    (
        "W006",
        {"ROOT_URLCONF": __name__, "ERPNET_INSTANCEID": {**KEYS, "CALLBACK_URL": CALLBACK}},
        {"ERPNET_INSTANCEID": {**KEYS, "CALLBACK_URL": "https://rp.test/sso/signin-callback"}},
        "/sso/signin-callback",
    ),
    (
        "W010",
        {"ROOT_URLCONF": WithLanguages},
        {"ERPNET_INSTANCEID": {**KEYS, "CALLBACK_URL": "https://rp.test/bg/sso/signin-callback"}},
        "i18n_patterns",
    ),
    (
        "W010",
        {"ROOT_URLCONF": WithLanguages},
        {"LANGUAGES": [("en", "English")]},
        "CALLBACK_URL",
    ),
]


@pytest.mark.parametrize(("name", "wrong", "cure", "word"), SITE)
def test_wrong_setting_of_the_site_is_named(
    settings: Any, name: str, wrong: dict[str, Any], cure: dict[str, Any], word: str
) -> None:
    change(settings, wrong)
    assert ids() == [name]
    assert word in text()
    change(settings, cure)
    assert ids() == []


@pytest.mark.parametrize(
    "url", ["/accounts/login/", "accounts_login", "erpnet_instanceid:sign_in", "/sso/sign"]
)
def test_w011_login_url_without_a_page(settings: Any, url: str) -> None:
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
def test_w011_allows_any_page(settings: Any, url: str) -> None:
    settings.ROOT_URLCONF = WithOwnPage
    settings.LOGIN_URL = url
    assert ids() == []


def test_w016_site_without_static_files(settings: Any) -> None:
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
def test_w003_sqlite(settings: Any, database: dict[str, Any], expected: list[str]) -> None:
    with pytest.warns(UserWarning, match="DATABASES"):
        settings.DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", **database}}
    assert ids() == expected


def test_every_check_has_a_test_and_its_own_id() -> None:
    numbered = check_ids()
    assert len(numbered) == len(set(numbered))
    folder = Path(__file__).parent
    tests = "".join(path.read_text(encoding="utf-8") for path in folder.glob("test_*.py"))
    assert not [name for name in numbered if name not in tests and name.lower() not in tests]
