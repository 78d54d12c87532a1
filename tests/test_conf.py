"""One dict of settings, read live."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any

import mozilla_django_oidc.auth
import mozilla_django_oidc.views
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from erpnet_instanceid.backends import InstanceIDBackend
from erpnet_instanceid.conf import DEFAULTS, REQUIRED, conf, oidc_setting, redirect_field_name
from erpnet_instanceid.oidc.http import Limits
from erpnet_instanceid.testing import Instance
from erpnet_instanceid.views.callback import SignInCallbackView
from erpnet_instanceid.views.signin import SignInView
from erpnet_instanceid.views.signout import SignOutView

KEYS = {
    "INSTANCE_URL": "https://mycompany.my.erp.net",
    "APPLICATION_URI": "backend.example.com",
    "APPLICATION_SECRET": "the secret of this site",
}
# What design.md promises of each key that may be left out.
PROMISED = {
    "ISSUER": ("issuer", "https://mycompany.my.erp.net/id"),
    "SCOPE": ("scope", "openid profile offline_access read"),
    "RESPONSE_TYPE": ("response_type", "code id_token"),
    "RESPONSE_MODE": ("response_mode", "form_post"),
    "CALLBACK_URL": ("callback_url", None),
    "POST_LOGOUT_URL": ("post_logout_url", None),
    "ALLOWED_USER_TYPES": ("allowed_user_types", {"InternalUser"}),
    "ADMIN_FLAGS": ("admin_flags", ("is_staff", "is_superuser")),
    "USER_TYPE_GROUPS": ("user_type_groups", {}),
    "CREATE_USERS": ("create_users", True),
    "LINK_USERS_BY": ("link_users_by", None),
    "REFRESH_MARGIN": ("refresh_margin", 300),
    "CLOCK_SKEW": ("client.skew", 60),
    "CONNECT_TIMEOUT": ("limits.connect", 3.05),
    "DEADLINE": ("limits.deadline", 10),
    "SIGN_IN_LIFETIME": ("sign_in_lifetime", 900),
    "SIGNING_ALGORITHMS": ("client.algorithms", ("RS256",)),
    "API_MAX_BYTES": ("api_max_bytes", 5 * 1024 * 1024),
}
CHANGED = {
    "ISSUER": "https://op.test/other",
    "SCOPE": "openid",
    "RESPONSE_TYPE": "code",
    "RESPONSE_MODE": "query",
    "CALLBACK_URL": "https://rp.test/back",
    "POST_LOGOUT_URL": "https://rp.test/out",
    "ALLOWED_USER_TYPES": {"ExternalCommunityUser"},
    "ADMIN_FLAGS": ("is_staff",),
    "USER_TYPE_GROUPS": {"InternalUser": ["employees"]},
    "CREATE_USERS": False,
    "LINK_USERS_BY": "email",
    "REFRESH_MARGIN": 5,
    "CLOCK_SKEW": 0,
    "CONNECT_TIMEOUT": 1.5,
    "DEADLINE": 2,
    "SIGN_IN_LIFETIME": 60,
    "SIGNING_ALGORITHMS": ("ES256",),
    "API_MAX_BYTES": 1,
}


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.ERPNET_INSTANCEID = KEYS


def value(path: str) -> Any:
    found: Any = conf
    for name in path.split("."):
        found = getattr(found, name)
    return found


@pytest.mark.parametrize("key", PROMISED)
def test_key_that_is_left_out_has_its_default(settings: Any, key: str) -> None:
    path, default = PROMISED[key]
    assert value(path) == default

    # None is as good as nothing.
    settings.ERPNET_INSTANCEID = {**KEYS, key: None}
    assert value(path) == default


@pytest.mark.parametrize("key", PROMISED)
def test_change_counts_at_once_and_so_does_its_end(settings: Any, key: str) -> None:
    path, default = PROMISED[key]

    settings.ERPNET_INSTANCEID = {**KEYS, key: CHANGED[key]}
    assert value(path) == CHANGED[key]

    settings.ERPNET_INSTANCEID = KEYS
    assert value(path) == default


def test_every_key_is_known() -> None:
    # Beyond design.md: the scope of the site's own calls.
    assert set(DEFAULTS) == {*REQUIRED, *PROMISED, "SERVICE_SCOPE"}


@pytest.mark.parametrize("key", REQUIRED)
@pytest.mark.parametrize("wrong", [None, "", 5])
def test_missing_key_is_named(settings: Any, key: str, wrong: Any) -> None:
    settings.ERPNET_INSTANCEID = {**KEYS, key: wrong}

    with pytest.raises(ImproperlyConfigured, match=key):
        _ = conf.client


def test_missing_dict_is_named(settings: Any) -> None:
    del settings.ERPNET_INSTANCEID

    with pytest.raises(ImproperlyConfigured, match="ERPNET_INSTANCEID"):
        _ = conf.client


def test_trailing_slash_of_the_instance_is_left_out(settings: Any) -> None:
    settings.ERPNET_INSTANCEID = {**KEYS, "INSTANCE_URL": "https://op.test:8443/"}

    assert conf.instance_url == "https://op.test:8443"
    assert conf.issuer == "https://op.test:8443/id"
    assert conf.instance_host == "op.test"


def test_issuer_is_taken_as_it_stands(settings: Any) -> None:
    settings.ERPNET_INSTANCEID = {**KEYS, "ISSUER": "https://OP.test/id/"}

    assert conf.issuer == "https://OP.test/id/"


def test_system_users_cannot_be_allowed(settings: Any) -> None:
    settings.ERPNET_INSTANCEID = {**KEYS, "ALLOWED_USER_TYPES": ["SystemUserNoLogin"]}

    assert conf.allowed_user_types == set()


def test_response_mode_goes_with_the_flow(settings: Any) -> None:
    settings.ERPNET_INSTANCEID = {**KEYS, "RESPONSE_TYPE": "code"}

    assert conf.response_mode == "query"


def test_what_was_learnt_of_an_instance_is_kept_for_the_life_of_the_process(
    settings: Any,
) -> None:
    assert conf.client.provider is conf.client.provider
    provider = conf.client.provider

    settings.ERPNET_INSTANCEID = {**KEYS, "INSTANCE_URL": "https://other.my.erp.net"}
    assert conf.client.provider is not provider
    assert conf.client.provider.issuer == "https://other.my.erp.net/id"


def test_limits_are_those_of_the_provider_too(settings: Any) -> None:
    settings.ERPNET_INSTANCEID = {**KEYS, "DEADLINE": 2}

    assert conf.client.limits == conf.client.provider.limits == Limits(3.05, 2)


def test_repr_of_the_client_shows_no_secret() -> None:
    assert KEYS["APPLICATION_SECRET"] not in repr(conf.client)
    assert "backend.example.com" in repr(conf.client)


# What mozilla-django-oidc asks for


def asked_settings() -> Iterator[tuple[str, bool]]:
    """The names that mozilla-django-oidc's backend and views ask for, and if with a default."""
    for module in (mozilla_django_oidc.auth, mozilla_django_oidc.views):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "attr", "") == "get_settings"
                and isinstance(node.args[0], ast.Constant)
            ):
                yield str(node.args[0].value), len(node.args) > 1


def test_every_setting_of_mozilla_django_oidc_is_answered(
    instance: Instance, settings: Any
) -> None:
    settings.ERPNET_INSTANCEID = instance.settings()
    asked = set(asked_settings())
    assert len(asked) > 20

    for name, has_default in asked:
        if has_default:
            oidc_setting(name, "default")
        elif name not in ("LOGIN_REDIRECT_URL", "LOGIN_REDIRECT_URL_FAILURE"):
            assert oidc_setting(name) is not None, name
    document = instance.issuer
    assert str(oidc_setting("OIDC_OP_TOKEN_ENDPOINT")).startswith(document)
    assert oidc_setting("OIDC_RP_CLIENT_SECRET") == instance.application_secret


@pytest.mark.parametrize("view", [InstanceIDBackend, SignInView, SignInCallbackView, SignOutView])
def test_classes_ask_the_one_dict(view: Any) -> None:
    assert view.get_settings("OIDC_RP_CLIENT_ID") == "backend.example.com"


def test_unsafe_switches_of_mozilla_django_oidc_are_off(settings: Any) -> None:
    for name, unsafe in (
        ("OIDC_VERIFY_SSL", False),
        ("OIDC_USE_NONCE", False),
        ("OIDC_USE_PKCE", False),
        ("OIDC_STORE_ACCESS_TOKEN", True),
        ("OIDC_ALLOW_UNSECURED_JWT", True),
        ("ALLOW_LOGOUT_GET_METHOD", True),
    ):
        setattr(settings, name, unsafe)
        assert oidc_setting(name, not unsafe) is not unsafe, name


def test_name_that_nobody_knows(settings: Any) -> None:
    assert oidc_setting("OIDC_NO_SUCH_THING", 5) == 5
    with pytest.raises(ImproperlyConfigured, match="OIDC_NO_SUCH_THING"):
        oidc_setting("OIDC_NO_SUCH_THING")
    assert oidc_setting("LOGOUT_REDIRECT_URL", "/") is None


def test_parameter_of_the_target_is_djangos_own(settings: Any) -> None:
    assert redirect_field_name() == "next"
    settings.REDIRECT_FIELD_NAME = "then"
    assert redirect_field_name() == "then"


def test_target_parameter_of_the_site_is_followed(settings: Any, client: Client) -> None:
    settings.REDIRECT_FIELD_NAME = "then"

    page = client.get("/signout?then=/private&next=/basket").text

    assert 'name="then" value="/private"' in page
    assert "/basket" not in page
