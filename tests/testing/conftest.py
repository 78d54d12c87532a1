"""A relying party by hand, so that these tests share no code with the app either."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from erpnet_instanceid.testing import AuthorizationAnswer, Instance, new_key, run_instance

CALLBACK = "http://localhost:8000/signin-callback"


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class RelyingParty:
    """Just enough of a site to use an instance."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.http = requests.Session()
        self.verifier = secrets.token_urlsafe(48)
        self.asked: dict[str, str] = {}

    def authorize_url(self, **changes: str | None) -> str:
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

    def authorize(self, login: str | None = "admin", **changes: str | None) -> AuthorizationAnswer:
        return self.instance.answer_to(self.authorize_url(**changes), login, self.http)

    def ask(self, grant_type: str, **fields: str) -> requests.Response:
        form = {
            "grant_type": grant_type,
            "client_id": self.instance.application_uri,
            "client_secret": self.instance.application_secret,
            **fields,
        }
        return self.http.post(f"{self.instance.issuer}/connect/token", data=form, timeout=10)

    def redeem(self, code: str, **changes: str) -> requests.Response:
        fields = {"code": code, "redirect_uri": CALLBACK, "code_verifier": self.verifier}
        return self.ask("authorization_code", **{**fields, **changes})

    def sign_in(self, login: str = "admin", **changes: str | None) -> dict[str, Any]:
        answer = self.redeem(self.authorize(login, **changes)["code"])
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refresh(self, token: str) -> requests.Response:
        return self.ask("refresh_token", refresh_token=token)

    def get(self, path: str, access_token: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {access_token}"}
        return self.http.get(self.instance.url + path, headers=headers, timeout=10)


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


def header_of(token: str) -> dict[str, Any]:
    header = token.split(".")[0]
    return dict(json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4))))


@pytest.fixture(scope="session")
def key() -> Any:
    return new_key()


@pytest.fixture
def instance(key: Any) -> Iterator[Instance]:
    with run_instance(key=key) as running:
        yield running


@pytest.fixture
def party(instance: Instance) -> Iterator[RelyingParty]:
    party = RelyingParty(instance)
    yield party
    party.http.close()


@pytest.fixture
def claims() -> Any:
    return claims_of


@pytest.fixture
def header() -> Any:
    return header_of
