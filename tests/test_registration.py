"""`manage.py instanceid`: what an operator reads."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import CommandError, call_command

from erpnet_instanceid.testing import Instance

SITE = "https://backend.example.com"


def told(*arguments: str) -> str:
    out = io.StringIO()
    call_command("instanceid", *arguments, stdout=out)
    return out.getvalue()


def test_register_prints_every_attribute_with_the_hash_of_the_secret() -> None:
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


def test_register_shows_the_secret_once_and_what_to_do_with_it() -> None:
    text = told("register", "--site", SITE)
    secret = text.partition("ERPNET_APPLICATION_SECRET=")[2].split()[0]
    assert text.count(secret) == 1
    assert f"{SITE}/signin-callback" in text
    assert f'ERPNET_INSTANCEID["POST_LOGOUT_URL"] = "{SITE}/signout-callback"' in text


def test_register_makes_a_new_secret_each_time() -> None:
    one, other = (json.loads(told("register", "--site", SITE, "--json")) for _ in range(2))
    assert one["ApplicationSecret"] != other["ApplicationSecret"]


def test_register_follows_the_settings(settings: Any) -> None:
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


@pytest.mark.parametrize("arguments", [[], ["--site", "http://backend.example.com"]])
def test_register_needs_an_https_address(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="site's address"):
        told("register", *arguments)


def test_install_link_opens_the_registration() -> None:
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


@pytest.mark.django_db
def test_doctor_is_content_with_what_fits(instance: Instance) -> None:
    text = told("doctor")
    assert "BAD" not in text
    assert "The instance knows the application and its secret." in text


def doctors_finding() -> str:
    out = io.StringIO()
    with pytest.raises(CommandError, match="put right"):
        call_command("instanceid", "doctor", stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_doctor_finds_a_wrong_secret_and_does_not_print_it(
    instance: Instance, settings: Any
) -> None:
    settings.ERPNET_INSTANCEID = {**instance.settings(), "APPLICATION_SECRET": "wrong-secret"}
    text = doctors_finding()
    assert "invalid_client" in text
    assert "Check APPLICATION_URI, APPLICATION_SECRET" in text
    assert "wrong-secret" not in text


@pytest.mark.django_db
def test_doctor_finds_a_scope_that_is_not_offered(instance: Instance, settings: Any) -> None:
    settings.ERPNET_INSTANCEID = {**instance.settings(), "SCOPE": "openid red"}
    assert "does not list the scope 'red'" in doctors_finding()


@pytest.mark.django_db
def test_doctor_finds_another_issuer(instance: Instance) -> None:
    instance.change("discovery", lambda found: found.update(issuer="https://op.test/id"))
    text = doctors_finding()
    assert "issuer_mismatch" in text
    assert "Set ISSUER to what the instance calls itself" in text


@pytest.mark.django_db
def test_doctor_asks_an_issuer_that_ends_in_a_slash_the_time(
    instance: Instance, settings: Any
) -> None:
    issuer = instance.issuer + "/"
    settings.ERPNET_INSTANCEID = {**instance.settings(), "ISSUER": issuer}
    instance.change("discovery", lambda found: found.update(issuer=issuer))
    text = told("doctor")
    assert "BAD" not in text
    assert "s ahead of the instance's" in text
    asked = {call.path for call in instance.calls("discovery")}
    assert asked == {"/id/.well-known/openid-configuration"}


@pytest.mark.django_db
def test_doctor_finds_a_clock_that_is_off(instance: Instance) -> None:
    instance.always("discovery", headers={"Date": "Sun, 06 Nov 1994 08:49:37 GMT"})
    assert "Keep it in time" in doctors_finding()
