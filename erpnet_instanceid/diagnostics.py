"""Whether the instance and the site agree: what an operator asks when something does not work."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from .conf import conf
from .oidc import http
from .oidc.authorization import code_challenge, new_secrets
from .oidc.client import Client
from .oidc.errors import InstanceIDError, OAuthError
from .oidc.provider import discovery_address
from .oidc.token_endpoint import exchange_code


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: whether it is as it must be, and if not, the cure."""

    ok: bool
    what: str
    cure: str = ""


def examine() -> Iterator[Finding]:
    """Looks at the instance as the site is configured to, one thing after the other."""
    client = conf.client
    try:
        metadata = client.provider.metadata()
    except InstanceIDError as error:
        yield Finding(
            False, f"{client.issuer} does not answer as an Instance ID: {error}", _cure(error)
        )
        return
    yield Finding(True, f"{client.issuer} answers as an Instance ID.")
    yield _clock(client)
    yield from _offers(metadata.document)
    yield _addresses()
    yield _credentials(client)


def _cure(error: InstanceIDError) -> str:
    return {
        "issuer_mismatch": "Set ISSUER to what the instance calls itself, to the character.",
        "tls_failed": "Its certificate is not trusted here. REQUESTS_CA_BUNDLE may name the CA.",
        "unreachable": "Check INSTANCE_URL, and that this machine may reach it.",
        "timeout": "Check INSTANCE_URL, and that this machine may reach it.",
    }.get(error.code, "Check INSTANCE_URL: /id/.well-known/openid-configuration is read below it.")


def _clock(client: Client) -> Finding:
    try:
        answer = http.exchange("GET", discovery_address(client.issuer), limits=client.limits)
        theirs = email.utils.parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except (InstanceIDError, ValueError, TypeError):
        return Finding(True, "The instance does not tell the time.")
    ahead = round(time.time() - theirs)
    if abs(ahead) <= client.skew:
        return Finding(True, "This machine's clock agrees with the instance's.")
    way = "ahead of" if ahead > 0 else "behind"
    return Finding(
        False,
        f"This machine's clock is {abs(ahead)} s {way} the instance's.",
        "Keep it in time (NTP), or tokens are refused as expired or not yet valid.",
    )


def _offers(document: Mapping[str, Any]) -> Iterator[Finding]:
    wanted = {
        "response_types_supported": conf.response_type,
        "response_modes_supported": conf.response_mode,
        "id_token_signing_alg_values_supported": conf.client.algorithms[0],
        "code_challenge_methods_supported": "S256",
    }
    for name, value in wanted.items():
        offered = document.get(name)
        if isinstance(offered, list) and value not in offered:
            yield Finding(
                False, f"The instance does not list {value!r} in {name}.", f"It offers {offered}."
            )
    offered = document.get("scopes_supported")
    if isinstance(offered, list):
        for scope in conf.scope.split():
            if scope not in offered:
                yield Finding(
                    False,
                    f"The instance does not list the scope {scope!r}.",
                    f"Take it out of SCOPE. Offered: {' '.join(map(str, offered))}.",
                )


def _addresses() -> Finding:
    if conf.callback_url:
        return Finding(True, f"ImpersonateLoginUrl must be exactly {conf.callback_url}")
    path = reverse("erpnet_instanceid:signin_callback")
    return Finding(
        True,
        f"ImpersonateLoginUrl must be exactly the site's address followed by {path}, https "
        "included: behind a proxy set SECURE_PROXY_SSL_HEADER, or CALLBACK_URL.",
    )


def _credentials(client: Client) -> Finding:
    """Asks with a code that was never given: if only the code is objected to, the rest fits."""
    made_up = new_secrets()
    try:
        exchange_code(
            client,
            code=code_challenge(made_up.state),
            code_verifier=made_up.code_verifier,
            redirect_uri=conf.callback_url or "https://localhost/signin-callback",
            scope=conf.scope,
            now=time.time(),
        )
    except OAuthError as error:
        if error.code == "invalid_grant":
            return Finding(True, "The instance knows the application and its secret.")
        return Finding(
            False,
            f"The instance refuses the application: {error.code}.",
            "Check APPLICATION_URI, APPLICATION_SECRET, and that the application is enabled.",
        )
    except InstanceIDError as error:
        return Finding(False, f"The token endpoint does not answer as it should: {error}", "")
    return Finding(False, "The instance gave tokens for a made-up code.", "Do not use it.")
