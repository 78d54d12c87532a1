"""One dict of settings, read at each use."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from erpnet_instanceid.conf import DEFAULTS, REQUIRED, conf, redirect_field_name
from erpnet_instanceid.oidc.http import Limits

KEYS = {
    "INSTANCE_URL": "https://mycompany.my.erp.net",
    "APPLICATION_URI": "backend.example.com",
    "APPLICATION_SECRET": "the secret of this site",
}
# Each optional key: its promised default, and another value.
PROMISED = {
    "ISSUER": ("https://mycompany.my.erp.net/id", "https://op.test/other"),
    "SCOPE": ("openid profile offline_access read", "openid"),
    "RESPONSE_TYPE": ("code id_token", "code"),
    "RESPONSE_MODE": ("form_post", "query"),
    "CALLBACK_URL": (None, "https://rp.test/back"),
    "POST_LOGOUT_URL": (None, "https://rp.test/out"),
    "ALLOWED_USER_TYPES": ({"InternalUser"}, {"ExternalCommunityUser"}),
    "ADMIN_FLAGS": (("is_staff", "is_superuser"), ("is_staff",)),
    "USER_TYPE_GROUPS": ({}, {"InternalUser": ["employees"]}),
    "CREATE_USERS": (True, False),
    "LINK_USERS_BY": (None, "email"),
    "LINK_KEEPS_PASSWORD": (False, True),
    "RIGHTS_FROM": ("token", "profile"),
    "REFRESH_MARGIN": (300, 5),
    "CLOCK_SKEW": (60, 0),
    "CONNECT_TIMEOUT": (3.05, 1.5),
    "DEADLINE": (10, 2),
    "SIGN_IN_LIFETIME": (900, 60),
    "SIGNING_ALGORITHMS": (("RS256",), ("ES256",)),
    "API_MAX_BYTES": (5 * 1024 * 1024, 1),
    "LANGUAGE_FROM_TOKEN": (False, True),
    "API_CONCURRENCY": (1, 4),
    "API_PER_MINUTE": (600, 0),
    "SERVICE_SCOPE": ("read", "read update"),
    "FRAMED_BY": ((), ("https://mycompany.my.erp.net",)),
    "SITE_NAME": (None, "Corner & Oak"),
}


@pytest.fixture(autouse=True)
def site(settings):
    settings.ERPNET_INSTANCEID = KEYS


def test_every_key_has_a_property():
    assert list(DEFAULTS) == [*REQUIRED, *PROMISED]
    for key in REQUIRED:
        assert getattr(conf, key.lower()) == KEYS[key]


@pytest.mark.parametrize("key", PROMISED)
def test_key_has_its_default_and_is_read_live(settings, key):
    default, other = PROMISED[key]
    assert getattr(conf, key.lower()) == default
    settings.ERPNET_INSTANCEID = {**KEYS, key: other}
    assert getattr(conf, key.lower()) == other
    settings.ERPNET_INSTANCEID = {**KEYS, key: None}
    assert getattr(conf, key.lower()) == default


@pytest.mark.parametrize("key", REQUIRED)
@pytest.mark.parametrize("wrong", [None, "", 5])
def test_missing_key_is_named(settings, key, wrong):
    settings.ERPNET_INSTANCEID = {**KEYS, key: wrong}
    with pytest.raises(ImproperlyConfigured, match=key):
        _ = conf.client


def test_missing_dict_is_named(settings):
    del settings.ERPNET_INSTANCEID
    with pytest.raises(ImproperlyConfigured, match="ERPNET_INSTANCEID"):
        _ = conf.client


WITH_SLASH = {"INSTANCE_URL": "https://op.test:8443/"}


@pytest.mark.parametrize(
    ("keys", "name", "value"),
    [
        (WITH_SLASH, "instance_url", "https://op.test:8443"),
        (WITH_SLASH, "issuer", "https://op.test:8443/id"),
        (WITH_SLASH, "instance_host", "op.test"),
        ({"ISSUER": "https://OP.test/id/"}, "issuer", "https://OP.test/id/"),
        ({"ALLOWED_USER_TYPES": ["SystemUserNoLogin"]}, "allowed_user_types", set()),
        ({"RESPONSE_TYPE": "code"}, "response_mode", "query"),
    ],
)
def test_property_that_follows_from_keys(settings, keys, name, value):
    settings.ERPNET_INSTANCEID = {**KEYS, **keys}
    assert getattr(conf, name) == value


def test_client_has_the_settings(settings):
    settings.ERPNET_INSTANCEID = {
        **KEYS,
        "DEADLINE": 2,
        "CLOCK_SKEW": 5,
        "SIGNING_ALGORITHMS": ["ES256"],
    }
    assert conf.client.limits == conf.client.provider.limits == Limits(3.05, 2)
    assert conf.client.skew == 5
    assert conf.client.algorithms == ("ES256",)


def test_provider_is_kept_for_each_instance(settings):
    provider = conf.client.provider
    assert conf.client.provider is provider
    settings.ERPNET_INSTANCEID = {**KEYS, "INSTANCE_URL": "https://other.my.erp.net"}
    assert conf.client.provider is not provider
    assert conf.client.provider.issuer == "https://other.my.erp.net/id"


def test_repr_of_the_client_shows_no_secret():
    assert KEYS["APPLICATION_SECRET"] not in repr(conf.client)
    assert "backend.example.com" in repr(conf.client)


def test_parameter_of_the_target_is_djangos_own(settings, client):
    assert redirect_field_name() == "next"
    settings.REDIRECT_FIELD_NAME = "then"
    page = client.get("/signout?then=/private&next=/basket").text
    assert 'name="then" value="/private"' in page
    assert "/basket" not in page
