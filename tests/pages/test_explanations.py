"""A page's words for a developer, and a log line's for the operator."""

import pytest

from erpnet_instanceid.oidc.errors import (
    InstanceUnavailable,
    InvalidResponse,
    OAuthError,
    TokenRejected,
)
from erpnet_instanceid.pages.explanations import cure, sentence

CURE = "Set ERPNET_INSTANCEID[&quot;ISSUER&quot;] to the name that the instance gives itself"


def test_another_issuer_is_explained_to_developer_and_operator(client, instance, settings, caplog):
    instance.change("discovery", lambda found: found.update(issuer="https://op.test/id"))
    assert CURE not in client.get("/signin").text
    (record,) = [each for each in caplog.records if each.name == "erpnet_instanceid"]
    assert record.levelname == "ERROR"
    assert record.getMessage().endswith(" run='manage.py instanceid doctor'")
    settings.DEBUG = True
    page = client.get("/signin").text
    assert CURE in page
    assert "The instance calls itself &#x27;https://op.test/id&#x27;" in page
    assert "manage.py instanceid doctor" in page


def test_visitors_own_trouble_has_no_cure(client, settings, caplog):
    settings.DEBUG = True
    page = client.get("/initiate-signin?iss=x")
    assert page.status_code == 400
    assert "The link that brought you here" in page.text
    assert "DEBUG" not in page.text
    assert "doctor" not in caplog.text


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InstanceUnavailable("server_error", url="https://op.test", status=503), "status 503."),
        (InstanceUnavailable("unreachable"), "No connection to its url can be made"),
        (InvalidResponse("not_json", url="https://op.test/x"), "https://op.test/x answers with"),
        (TokenRejected("claim_mismatch", claim="aud", expected="me"), "'aud' is not 'me'"),
        (InstanceUnavailable("tls_failed", cause="SSLError"), "may speak plain http."),
        (OAuthError("invalid_client"), "or not with this secret. (invalid_client)"),
        (TokenRejected("never_heard_of"), "in a way that this site cannot use. (never_heard_of)"),
    ],
)
def test_error_is_a_sentence(error, told):
    assert told in sentence(error)
    assert f"({error.code})" in sentence(error)
    assert "{" not in sentence(error) + cure(error)
