"""A site and its instance, for input that nobody in their right mind sends.

`Scene` holds what every such input must leave alone: it is answered, never by an exception; nobody
is signed in by it; and the instance is not asked for tokens before all the checks have passed.
"""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.test import Client, RequestFactory
from hypothesis import reject

from erpnet_instanceid.conf import conf
from erpnet_instanceid.oidc.errors import InstanceIDError
from erpnet_instanceid.oidc.id_token import half_hash
from erpnet_instanceid.signin.attempts import new_attempt
from erpnet_instanceid.testing import Instance, Token

from ..support.forging import several

FORM = "application/x-www-form-urlencoded"
CODE = "B6B3D9B3C1E0F8D7A1C2"
ANSWERS = {200, 302, 303, 400, 403, 405, 413, 502, 503}


@dataclass
class Scene:
    """One attempt in one browser, and the honest answer to it, ready to be bent."""

    instance: Instance
    client: Client = field(default_factory=Client)

    def __post_init__(self):
        # Metadata and keys are known from here on, so that every further call would be seen.
        conf.client.provider.metadata()
        self.attempt, self.sealed = new_attempt(RequestFactory().get("/"), target="/")
        conf.client.provider.verify(self.id_token(), algorithms=["RS256"], types=["jwt"])
        self.calls = len(self.instance.requests)

    def id_token(self, *forges):
        """The front-channel ID token of the attempt, changed before it is signed."""
        now = int(time.time())
        claims = {
            "iss": self.instance.issuer,
            "aud": self.instance.application_uri,
            "sub": "maria",
            "nonce": self.attempt.secrets.nonce,
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "c_hash": half_hash(CODE, "RS256"),
            "s_hash": half_hash(self.attempt.secrets.state, "RS256"),
            "sid": "0A1B2C",
        }
        header = {"alg": "RS256", "kid": self.instance.kid, "typ": "JWT"}
        token = Token(header, claims, self.instance.private_key)
        several(*forges)(token)
        try:
            return token.serialize()
        except (TypeError, ValueError):
            # JSON cannot write all that the changes make of it.
            reject()

    def honest(self):
        return {"state": self.attempt.secrets.state, "code": CODE, "id_token": self.id_token()}

    def answer(self, pairs):
        """Brings an answer that is not the honest one."""
        body = urlencode(pairs, errors="surrogatepass").encode()
        self.post(body, FORM)
        # By GET a code may come without an ID token, and may then be tried.
        if any(name == "id_token" and value for name, value in pairs):
            self.get(body.decode())

    def post(self, body, content_type):
        self._renew_attempt()
        relayed = self.client.generic("POST", "/signin-callback", body, content_type)
        self._check(relayed)
        if relayed.status_code == 303:
            self._check(self.client.get(relayed["Location"]))

    def get(self, query):
        self._renew_attempt()
        self._check(self.client.get("/signin-callback?" + query))

    def cookies(self, values):
        """Comes to the callback with cookies of the browser's own making."""
        self._renew_attempt()
        ref = self.attempt.reference
        for name, value in values.items():
            self.client.cookies[name.replace("REF", ref)] = value
        self._check(self.client.get(f"/signin-callback?reference={ref}"))

    def notice(self, body, content_type=FORM):
        """Delivers a back-channel notice that no instance sent."""
        response = self.client.generic("POST", "/backchannel-signout", body, content_type)
        assert response.status_code in {400, 503}, response.status_code
        assert response["Cache-Control"] == "no-store"

    def parses(self, parse):
        """A parser has a value or an error of ours for every input."""
        with suppress(InstanceIDError):
            parse()

    def _renew_attempt(self):
        self.client.cookies.clear()
        self.client.cookies[f"erpnet_signin_{self.attempt.reference}"] = self.sealed

    def _check(self, response):
        assert response.status_code in ANSWERS, response.status_code
        assert "sessionid" not in response.cookies
        asked = [call.endpoint for call in self.instance.requests[self.calls :]]
        # An unknown key may be looked for; tokens may not be asked for.
        assert set(asked) <= {"jwks"}, asked


def document(value):
    """``value`` as something that an instance may have answered."""
    return value if isinstance(value, dict) else {"value": value}
