"""Authlib's Django client, and the two views that its manual shows."""

from __future__ import annotations

from .peer import *  # noqa: F403
from .peer import CLIENT_ID, CLIENT_SECRET, ISSUER, SCOPE

ROOT_URLCONF = "benchmarks.urls.authlib"
SIGN_IN = "/login"
AUTHLIB_OAUTH_CLIENTS = {
    "instance": {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "server_metadata_url": f"{ISSUER}/.well-known/openid-configuration",
        "client_kwargs": {
            "scope": SCOPE,
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": "client_secret_post",
        },
    }
}
