"""A relying party by hand, so that these tests share no code with the app either."""

import base64
import hashlib
import secrets
from urllib.parse import urlencode

import jwt
import pytest
import requests

from erpnet_instanceid.testing import new_key, run_instance

CALLBACK = "http://localhost:8000/signin-callback"
ROOT = "/api/domain/odata/"
CUSTOMERS = "Crm_Sales_Customers"
PRODUCTS = "General_Products_Products"
ORDERS = "Crm_Sales_SalesOrders"


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class RelyingParty:
    """Just enough of a site to use an instance."""

    def __init__(self, instance):
        self.instance = instance
        self.http = requests.Session()
        self.verifier = secrets.token_urlsafe(48)
        self.asked: dict[str, str] = {}

    def authorize_url(self, **changes):
        asked = {
            "client_id": self.instance.application_uri,
            "response_type": "code id_token",
            "response_mode": "form_post",
            "scope": "openid profile offline_access read update",
            "redirect_uri": CALLBACK,
            "state": secrets.token_urlsafe(32),
            "nonce": secrets.token_urlsafe(32),
            "code_challenge": b64url(hashlib.sha256(self.verifier.encode()).digest()),
            "code_challenge_method": "S256",
            **changes,
        }
        self.asked = {name: value for name, value in asked.items() if value is not None}
        return f"{self.instance.issuer}/connect/authorize?{urlencode(self.asked)}"

    def authorize(self, login="admin", **changes):
        return self.instance.answer_to(self.authorize_url(**changes), login, self.http)

    def ask(self, grant_type, **fields):
        form = {
            "grant_type": grant_type,
            "client_id": self.instance.application_uri,
            "client_secret": self.instance.application_secret,
            **fields,
        }
        return self.http.post(f"{self.instance.issuer}/connect/token", data=form, timeout=10)

    def redeem(self, code, **changes):
        fields = {"code": code, "redirect_uri": CALLBACK, "code_verifier": self.verifier}
        return self.ask("authorization_code", **{**fields, **changes})

    def sign_in(self, login="admin", **changes):
        answer = self.redeem(self.authorize(login, **changes)["code"])
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refresh(self, token):
        return self.ask("refresh_token", refresh_token=token)

    def get(self, path, access_token):
        headers = {"Authorization": f"Bearer {access_token}"}
        return self.http.get(self.instance.url + path, headers=headers, timeout=10)

    def discovery(self, path=""):
        url = f"{self.instance.issuer}/.well-known/openid-configuration{path}"
        return requests.get(url, timeout=5).json()


class Api:
    """The Domain API, as the owner of ``token`` calls it."""

    def __init__(self, party, token):
        self.url = party.instance.url + ROOT
        self.http = party.http
        self.token = token

    def send(self, method, path, body=None, *, transaction="", **headers):
        headers["Authorization"] = f"Bearer {self.token}"
        if transaction:
            headers["TransactionId"] = transaction
        sent = {"data": body} if isinstance(body, str) else {"json": body}
        return self.http.request(method, self.url + path, headers=headers, timeout=5, **sent)

    def get(self, path, **options):
        query = urlencode({f"${name}": value for name, value in options.items()})
        return self.send("GET", f"{path}?{query}" if query else path)

    def begin(self, model="common", **options):
        answer = self.send("POST", "BeginTransaction", {"model": model, **options})
        assert answer.status_code == 200, answer.text
        return answer.text

    def end(self, transaction, commit=True):
        return self.send("POST", "EndTransaction", {"commit": commit}, transaction=transaction)

    def rows(self, path, **options):
        answer = self.get(path, **options)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["value"])


def claims(token):
    return jwt.decode(token, options={"verify_signature": False})


@pytest.fixture(scope="session")
def key():
    return new_key()


@pytest.fixture
def instance(key):
    with run_instance(key=key) as running:
        yield running


@pytest.fixture
def party(instance):
    party = RelyingParty(instance)
    yield party
    party.http.close()


@pytest.fixture
def token(party):
    return party.sign_in("maria")["access_token"]


@pytest.fixture
def api(party, token):
    return Api(party, token)
