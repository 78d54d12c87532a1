"""Rows KEY of the cases: the instance's metadata and keys. Also see oidc/test_provider.py."""

import logging
import secrets
import time
from ssl import SSLContext

import pytest

from erpnet_instanceid.models import SignIn
from erpnet_instanceid.oidc import provider
from erpnet_instanceid.oidc.http import Limits, exchange, forget_connections
from erpnet_instanceid.testing import run_instance

from ..support.outcomes import assert_unavailable, begin, look
from ..support.places import FRONT


@pytest.fixture
def quick_retry(monkeypatch):
    """Lets the site ask a failing instance again at once. See tests/oidc."""
    monkeypatch.setattr(provider, "RETRY_SECONDS", 0.0)


def assert_start_fails(visitor, instance, code):
    """UPF at the start of a sign-in: nobody is sent anywhere."""
    before = look(visitor, instance)
    response = visitor.get("/signin")
    assert "Location" not in response.headers
    assert_unavailable(visitor, response, before, code=code)


@pytest.mark.usefixtures("quick_retry")
def test_key_01_metadata_of_another_issuer_stops_the_sign_in(visitor, instance, caplog):
    instance.change("discovery", lambda document: document.update(issuer=instance.issuer + "/"))

    assert_start_fails(visitor, instance, code="issuer_mismatch")

    (told,) = (line for name, level, line in caplog.record_tuples if level == logging.ERROR)
    assert instance.issuer in told
    instance.heal()
    begin(visitor, instance).assert_signed_in()


def test_key_02_keys_are_fetched_from_where_the_metadata_says(visitor, instance):
    somewhere = f"/{secrets.token_hex(8)}/keys"
    instance.change("discovery", lambda d: d.update(jwks_uri=instance.issuer + somewhere))
    instance.always("other", json=instance.keys.jwks())

    begin(visitor, instance).assert_signed_in()
    assert instance.calls("jwks") == []
    assert [call.path for call in instance.calls("other")] == [f"/id{somewhere}"]


@pytest.mark.usefixtures("quick_retry")
def test_key_06_07_keys_are_fetched_again_after_a_failure(visitor, instance):
    for fault, code in (({"status": 500}, "server_error"), ({"json": {}}, "malformed_key_set")):
        instance.next_answer("jwks", **fault)
        attempt = begin(visitor, instance)
        attempt.assert_unavailable(attempt.bring(), code=code)

    begin(visitor, instance).assert_signed_in()
    assert len(instance.calls("jwks")) == 3


@pytest.mark.parametrize(
    "wrong",
    [{"signed": False}, {"days": (-3, -1)}, {"days": (1, 3)}, {"host": "op.test"}],
)
def test_key_12_certificate_that_does_not_hold_is_not_accepted(visitor, configure, trusted, wrong):
    with run_instance(tls=trusted.context(trusted.certificate(**wrong))) as secure:
        configure(**secure.settings())
        assert_start_fails(visitor, secure, code="tls_failed")
        assert secure.requests == []


def test_key_12_certificate_of_a_trusted_authority_is_accepted(
    visitor, configure, trusted, monkeypatch
):
    with run_instance(tls=trusted.context(trusted.certificate())) as secure:
        configure(**secure.settings())
        visitor.at_instance.verify = str(trusted.bundle)
        begin(visitor, secure).assert_signed_in()
        forget_connections()
        # To read the authorities again for each connection would take 20 ms.
        monkeypatch.setattr(SSLContext, "load_verify_locations", None)
        assert exchange("GET", secure.issuer, limits=Limits()).status == 404


def test_key_13_another_instance_is_not_taken_for_the_old_one(
    visitor, new_visitor, instance, configure
):
    def signed_by_the_old_one(token):
        token.header["kid"] = instance.kid
        token.sign_with = instance.private_key

    visitor.sign_in()
    with run_instance() as other:
        configure(**other.settings())
        instance.forget_requests()
        newcomer = new_visitor()
        FRONT.assert_refused(newcomer, other, signed_by_the_old_one, code="unknown_key")
        # The other instance's maria is somebody else.
        begin(newcomer, other).assert_signed_in(login="maria@127.0.0.1")

    assert instance.requests == []


def test_key_13_another_instance_gets_no_old_refresh_token(visitor, instance, configure):
    instance.access_token_lifetime = 1
    visitor.sign_in()
    with run_instance() as other:
        configure(**other.settings())
        time.sleep(1)
        assert visitor.whoami()["user"] == ""
        assert other.requests == []
    assert SignIn.objects.get().ended is not None
