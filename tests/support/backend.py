"""The backend alone, without a sign-in at the instance. Its site is the fixture ``site``."""

import pytest
from django.contrib.auth import authenticate
from django.test import RequestFactory

from erpnet_instanceid.oidc.errors import SignInDenied
from erpnet_instanceid.oidc.token_set import TokenSet

ISSUER = "https://op.test:8443/id"
# An access token that tells nothing, so that all claims are those of the test.
TOKENS = TokenSet("opaque", "id token", None, expires_at=0, scope="", lifetime=300)


def sign_in(sub="maria", **claims):
    """The user whom the backend makes of these claims."""
    known = {"iss": ISSUER, "sub": sub, "user_type": "InternalUser", **claims}
    return authenticate(RequestFactory().get("/"), instance_tokens=TOKENS, id_token_claims=known)


def denied(sub="maria", **claims):
    """The code of the refusal."""
    with pytest.raises(SignInDenied) as caught:
        sign_in(sub, **claims)
    return caught.value.code


def assert_fits(row):
    """Every text of the row has room in its column, and can be printed."""
    for field in row._meta.concrete_fields:
        value = getattr(row, field.attname)
        if isinstance(value, str) and field.attname != "tokens":
            assert value.isprintable(), field.name
            assert field.max_length is None or len(value) <= field.max_length, field.name
