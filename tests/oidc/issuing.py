"""Tokens as an issuer signs them, and the functions of ``oidc`` that check them."""

import functools
from dataclasses import dataclass

import pytest

from erpnet_instanceid.oidc.client import Client
from erpnet_instanceid.oidc.errors import TokenRejected
from erpnet_instanceid.oidc.http import Limits
from erpnet_instanceid.oidc.id_token import (
    LOGOUT_EVENT,
    check_front_id_token,
    check_id_token,
    check_logout_token,
    half_hash,
)
from erpnet_instanceid.oidc.provider import Provider
from erpnet_instanceid.testing import Token

NOW = 1_800_000_000
NONCE, CODE, STATE, ACCESS_TOKEN = "nonce-aA1", "code-aA1", "state-aA1", "access-token-aA1"
TIMES = {"nbf": NOW, "iat": NOW, "exp": NOW + 300}
ID_TOKEN = {**TIMES, "sub": "maria", "nonce": NONCE, "sid": "S1", "auth_time": NOW - 5}


@dataclass(frozen=True)
class Kind:
    """One kind of token, and the function that checks it."""

    name: str
    claims: dict
    check: object


FRONT = Kind(
    "front",
    {**ID_TOKEN, "c_hash": half_hash(CODE, "RS256"), "s_hash": half_hash(STATE, "RS256")},
    functools.partial(
        check_front_id_token, nonce=NONCE, code=CODE, state=STATE, max_age=None, now=NOW
    ),
)
BACK = Kind(
    "back",
    {**ID_TOKEN, "at_hash": half_hash(ACCESS_TOKEN, "RS256")},
    functools.partial(check_id_token, nonce=NONCE, access_token=ACCESS_TOKEN, now=NOW),
)
LOGOUT = Kind(
    "logout",
    {**TIMES, "sub": "maria", "sid": "S1", "jti": "1", "events": {LOGOUT_EVENT: {}}},
    functools.partial(check_logout_token, now=NOW),
)

every_kind = pytest.mark.parametrize("kind", [FRONT, BACK, LOGOUT], ids=lambda kind: kind.name)
id_tokens = pytest.mark.parametrize("kind", [FRONT, BACK], ids=lambda kind: kind.name)


class Issuer:
    """An instance that signs any token, and a client that knows the instance."""

    def __init__(self, instance, **client):
        self.instance = instance
        provider = Provider(instance.issuer, Limits(deadline=5))
        self.client_id = instance.application_uri
        self.client = Client(provider, self.client_id, instance.application_secret, **client)

    def token(self, kind, forge=None):
        """A right token of this kind; ``forge`` changes it before it is signed, or replaces it."""
        header = {"alg": "RS256", "kid": self.instance.kid}
        claims = {"iss": self.instance.issuer, "aud": self.client_id, **kind.claims}
        token = Token(header, claims, self.instance.keys.current)
        changed = forge(token) if forge is not None else None
        return changed if isinstance(changed, str) else token.serialize()

    def check(self, kind, forge=None, **more):
        return kind.check(self.token(kind, forge), client=self.client, **more)

    def refusal(self, kind, forge, **more):
        """The code of the error, and the claim that the error names."""
        with pytest.raises(TokenRejected) as caught:
            self.check(kind, forge, **more)
        return f"{caught.value.code} {caught.value.facts.get('claim', '')}".strip()
