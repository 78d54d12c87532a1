"""`manage.py instanceid register` and `install-link`: what an operator reads."""

import base64
import hashlib
import io
import json
import types
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.urls import set_script_prefix

SITE = "https://backend.example.com"


def told(*arguments):
    out = io.StringIO()
    call_command("instanceid", *arguments, stdout=out)
    return out.getvalue()


def test_register_prints_every_attribute():
    answer = json.loads(told("register", "--site", SITE, "--json"))
    secret, application = answer["ApplicationSecret"], answer["TrustedApplication"]
    digest = base64.b64encode(hashlib.sha256(secret.encode()).digest()).decode()
    assert len(secret) >= 43
    assert application == {
        "Name": "backend.example.com",
        "ApplicationUri": "backend.example.com",
        "IsEnabled": True,
        "ImpersonateAsInternalUserAllowed": True,
        "ImpersonateAsCommunityUserAllowed": False,
        "ImpersonateLoginUrl": f"{SITE}/signin-callback",
        "ImpersonateLogoutUrl": f"{SITE}/signout-callback",
        "ClientType": "Confidential",
        "ApplicationSecretHash": digest,
        "Scope": "read",
        "SystemUserAllowed": False,
        "SystemUser": None,
    }


def test_register_shows_the_secret_once():
    text = told("register", "--site", SITE)
    secret = text.partition("ERPNET_APPLICATION_SECRET=")[2].split()[0]
    assert text.count(secret) == 1
    assert f"{SITE}/signin-callback" in text
    assert f"ImpersonateLogoutUrl               {SITE}/signout-callback\n" in text
    assert text.endswith(f"manage.py instanceid doctor --site {SITE}\n")


def test_register_needs_no_secret_yet(settings):
    """It is what makes one: until then the settings hold an empty one, or none."""
    keys = {**settings.ERPNET_INSTANCEID, "APPLICATION_SECRET": ""}
    settings.ERPNET_INSTANCEID = keys
    assert "ERPNET_APPLICATION_SECRET=" in told("register", "--site", SITE)
    del keys["APPLICATION_SECRET"]
    assert "ERPNET_APPLICATION_SECRET=" in told("register", "--site", SITE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ALLOWED_USER_TYPES": "InternalUser"},
        {"APPLICATION_URI": 7},
        {"CALLBACK_URL": "https://[a.example/signin-callback"},
        {"SCOPE": ["openid", "read"]},
    ],
)
@pytest.mark.parametrize("action", ["register", "install-link"])
def test_wrong_settings_are_registered_by_nobody(settings, wrong, action):
    settings.ERPNET_INSTANCEID = {**settings.ERPNET_INSTANCEID, **wrong}
    (key,) = wrong
    with pytest.raises(CommandError, match=key):
        told(action)


def test_register_makes_a_new_secret_each_time():
    one, other = (json.loads(told("register", "--site", SITE, "--json")) for _ in range(2))
    assert one["ApplicationSecret"] != other["ApplicationSecret"]


def test_register_follows_the_settings(settings):
    settings.ERPNET_INSTANCEID = {
        **settings.ERPNET_INSTANCEID,
        "CALLBACK_URL": "https://shop.example.com/in/signin-callback/",
        "POST_LOGOUT_URL": "https://shop.example.com/bye",
        "ALLOWED_USER_TYPES": ["InternalUser", "ExternalCommunityUser"],
        "SCOPE": "openid offline_access read update",
    }
    application = json.loads(told("register", "--json"))["TrustedApplication"]
    assert application["ImpersonateLoginUrl"] == "https://shop.example.com/in/signin-callback/"
    assert application["ImpersonateLogoutUrl"] == "https://shop.example.com/bye"
    assert application["ImpersonateAsCommunityUserAllowed"] is True
    assert application["Scope"] == "read update"


@pytest.mark.parametrize("action", ["register", "install-link"])
@pytest.mark.parametrize("arguments", [[], ["--site", "http://backend.example.com"]])
def test_registration_needs_an_https_address(action, arguments):
    with pytest.raises(CommandError, match="site"):
        told(action, *arguments)


@pytest.mark.parametrize("action", ["register", "install-link", "doctor"])
@pytest.mark.parametrize("site", [f"{SITE}?x=1", f"{SITE}/?", f"{SITE}/#"])
def test_an_address_with_a_query_is_refused(action, site):
    with pytest.raises(CommandError, match="must not have a query"):
        told(action, "--site", site)


def test_address_is_registered_as_browsers_write_it():
    printed = told("register", "--site", "HTTPS://MÜLLER.example:443/Shop")
    assert "https://xn--mller-kva.example/Shop/signin-callback" in printed
    with pytest.raises(CommandError, match="no browser accepts"):
        told("register", "--site", "https://a..b")


def test_sign_out_may_end_at_the_instance(settings):
    settings.ERPNET_INSTANCEID = {**settings.ERPNET_INSTANCEID, "POST_LOGOUT_URL": ""}
    answer = json.loads(told("register", "--site", SITE, "--json"))
    assert answer["TrustedApplication"]["ImpersonateLogoutUrl"] == ""


def test_path_of_the_site_is_pointed_out():
    text = told("register", "--site", f"{SITE}/shop/")
    assert f" {SITE}/shop/signin-callback\n" in text
    assert "The two addresses begin with /shop, as --site does." in text
    assert "begin with" not in told("register", "--site", f"{SITE}/")


@pytest.fixture
def below_shop():
    set_script_prefix("/shop/")
    yield
    set_script_prefix("/")


@pytest.mark.usefixtures("below_shop")
def test_prefix_of_django_is_not_doubled():
    """FORCE_SCRIPT_NAME sets it for commands."""
    assert f" {SITE}/shop/signin-callback\n" in told("register", "--site", f"{SITE}/shop")


@pytest.mark.parametrize("path", ["/signin", "/signin-callback", "/signout-callback/"])
def test_address_of_a_page_is_refused(path):
    with pytest.raises(CommandError, match=f"address of the site .* leave out {path}"):
        told("register", "--site", SITE + path)


@pytest.mark.parametrize("action", ["register", "install-link"])
def test_registration_needs_the_urls(settings, action):
    settings.ROOT_URLCONF = types.ModuleType("empty")
    settings.ROOT_URLCONF.urlpatterns = []
    with pytest.raises(CommandError, match=r"URLs are not part of your site. Add path\("):
        told(action, "--site", SITE)


def test_install_link_opens_the_registration():
    link = urlsplit(told("install-link", "--site", SITE).strip())
    assert link._replace(query="").geturl() == "https://op.test/manage/apps/install"
    assert parse_qs(link.query) == {
        "applicationUri": ["backend.example.com"],
        "redirectUri": [f"{SITE}/signin-callback"],
        "applicationName": ["backend.example.com"],
        "clientType": ["Confidential"],
        "impersonate": ["internal"],
        "serviceAccess": ["none"],
        "scope": ["read"],
    }
