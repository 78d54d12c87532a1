"""`manage.py instanceid register` and `install-link`: what an operator reads."""

import base64
import hashlib
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import CommandError
from django.test.utils import override_script_prefix

from ..checks.test_checks import WithoutURLs
from .command import told

SITE = "https://backend.example.com"
both_actions = pytest.mark.parametrize("action", ["register", "install-link"])


def registered(*arguments):
    return json.loads(told("register", "--site", SITE, "--json", *arguments))["TrustedApplication"]


def test_register_prints_every_attribute_and_a_new_secret():
    answer, other = (json.loads(told("register", "--site", SITE, "--json")) for _ in range(2))
    secret = answer["ApplicationSecret"]
    digest = base64.b64encode(hashlib.sha256(secret.encode()).digest()).decode()
    assert len(secret) >= 43
    assert secret != other["ApplicationSecret"]
    assert answer["TrustedApplication"] == {
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


SHOP = "https://shop.example.com"


@pytest.mark.parametrize(
    ("keys", "attributes"),
    [
        (
            {"CALLBACK_URL": f"{SHOP}/in/signin-callback/"},
            {"ImpersonateLoginUrl": f"{SHOP}/in/signin-callback/"},
        ),
        ({"POST_LOGOUT_URL": f"{SHOP}/bye"}, {"ImpersonateLogoutUrl": f"{SHOP}/bye"}),
        ({"POST_LOGOUT_URL": ""}, {"ImpersonateLogoutUrl": ""}),
        (
            {"ALLOWED_USER_TYPES": ["InternalUser", "ExternalCommunityUser"]},
            {"ImpersonateAsCommunityUserAllowed": True},
        ),
        ({"SCOPE": "openid offline_access read update"}, {"Scope": "read update"}),
        ({"SERVICE_SCOPE": "read"}, {"SystemUserAllowed": True}),
    ],
)
def test_register_follows_the_settings(settings, keys, attributes):
    settings.ERPNET_INSTANCEID = {**settings.ERPNET_INSTANCEID, **keys}
    assert attributes.items() <= registered().items()


def test_registration_asks_for_a_system_user_if_needed():
    assert registered("--service")["SystemUserAllowed"] is True
    assert "SystemUser:" in told("register", "--site", SITE, "--service")


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
@both_actions
def test_wrong_settings_are_registered_by_nobody(settings, wrong, action):
    settings.ERPNET_INSTANCEID = {**settings.ERPNET_INSTANCEID, **wrong}
    (key,) = wrong
    with pytest.raises(CommandError, match=key):
        told(action)


@pytest.mark.parametrize(
    ("site", "reason"),
    [
        ("", "Give the site's address"),
        ("http://backend.example.com", "not the address of a site"),
        *((SITE + more, "must not have a query") for more in ("?x=1", "/?", "/#")),
        *((SITE + path, f"leave out {path}") for path in ("/signin", "/signout-callback/")),
        ("https://a..b", "no browser accepts"),
    ],
)
@both_actions
def test_address_that_is_not_a_sites_is_refused(action, site, reason):
    with pytest.raises(CommandError, match=reason):
        told(action, "--site", site)


def test_address_is_registered_as_browsers_write_it():
    printed = told("register", "--site", "HTTPS://MÜLLER.example:443/Shop")
    assert "https://xn--mller-kva.example/Shop/signin-callback" in printed


def test_path_of_the_site_is_pointed_out():
    text = told("register", "--site", f"{SITE}/shop/")
    assert f" {SITE}/shop/signin-callback\n" in text
    assert "The two addresses begin with /shop, as --site does." in text
    assert "begin with" not in told("register", "--site", f"{SITE}/")
    # Django's command line does this for FORCE_SCRIPT_NAME.
    with override_script_prefix("/shop/"):
        assert f" {SITE}/shop/signin-callback\n" in told("register", "--site", f"{SITE}/shop")


@both_actions
def test_registration_needs_the_urls(settings, action):
    settings.ROOT_URLCONF = WithoutURLs
    with pytest.raises(CommandError, match=r"URLs are not part of your site. Add path\("):
        told(action, "--site", SITE)


@pytest.mark.parametrize(
    ("arguments", "access"), [([], "none"), (["--service"], "clientCredentials")]
)
def test_install_link_opens_the_registration(capsys, arguments, access):
    link = urlsplit(told("install-link", "--site", SITE, *arguments).strip())
    assert link._replace(query="").geturl() == "https://op.test/manage/apps/install"
    assert parse_qs(link.query) == {
        "applicationUri": ["backend.example.com"],
        "redirectUri": [f"{SITE}/signin-callback"],
        "applicationName": ["backend.example.com"],
        "clientType": ["Confidential"],
        "impersonate": ["internal"],
        "serviceAccess": [access],
        "scope": ["read"],
    }
    # Beside the link, so that a script can use what stands on stdout.
    hint = capsys.readouterr().err
    assert "administrator" in hint
    assert "ApplicationSecretHash" in hint
