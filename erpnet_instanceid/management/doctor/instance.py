"""Examines the instance: metadata, keys, clock, and whether it knows the application."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ...checks.messages import name
from ...conf import conf
from ...oidc import http
from ...oidc.authorization import code_challenge, new_secrets
from ...oidc.client import Client
from ...oidc.errors import InstanceIDError, InstanceUnavailable, OAuthError
from ...oidc.provider import discovery_address
from ...oidc.token_endpoint import exchange_code
from ...pages.explanations import cure, sentence
from ..registration import secret_hash
from .findings import Finding, bad, look, ok
from .redirects import onward, open_page

# The token endpoint wants an address; the doctor's made-up code belongs to none.
NOWHERE = "https://localhost/signin-callback"


def examine_metadata(client: Client) -> Finding:
    """Whether the issuer answers as an Instance ID. If it is BAD, nothing else can be examined."""
    try:
        client.provider.metadata()
    except InstanceUnavailable as error:
        return bad("issuer", sentence(error), cure(error))
    except InstanceIDError as error:
        text = f"{client.issuer} does not answer as an Instance ID. {sentence(error)}"
        return bad("issuer", text + _way_on(client, error), cure(error))
    return ok("issuer", f"{client.issuer} answers as an Instance ID.")


def _way_on(client: Client, error: InstanceIDError) -> str:
    if error.code != "unexpected_status":
        return ""
    address = discovery_address(client.issuer)
    try:
        target = onward(address, open_page(address, client.limits))
    except InstanceIDError:
        target = ""
    return f" It redirects to {http.shown_address(target)}." if target else ""


def examine_keys(client: Client) -> Finding:
    """Whether the keys can be fetched, and one of them signs as SIGNING_ALGORITHMS expects."""
    try:
        keys = client.provider.keys()
    except InstanceIDError as error:
        text = f"The instance's keys cannot be read. {sentence(error)}"
        return bad("keys", text, "No token can be checked without them: tell the instance's staff.")
    algorithms = ", ".join(client.algorithms)
    if not any(key.fits(algorithm) for key in keys for algorithm in client.algorithms):
        text = f"The instance publishes no key for {algorithms}. Usable keys: {len(keys)}."
        cure = f"Compare {name('SIGNING_ALGORITHMS')} with the algorithm that the instance uses."
        return bad("keys", text, cure)
    return ok("keys", f"The instance publishes a key for {algorithms}.")


def examine_clock(client: Client) -> Finding:
    try:
        answer = http.exchange("GET", discovery_address(client.issuer), limits=client.limits)
        theirs = answer.told_at()
    except InstanceIDError:
        theirs = None
    if theirs is None:
        return look("clock", "The instance does not tell its time.", "Compare the clocks yourself.")
    ahead = round(time.time() - theirs)
    if abs(ahead) <= client.skew:
        return ok("clock", "This machine's clock agrees with the instance's.")
    way = "ahead of" if ahead > 0 else "behind"
    return bad(
        "clock",
        f"This machine's clock is {abs(ahead)} s {way} the instance's.",
        "Keep it in time (NTP), or tokens are refused as expired or not yet valid.",
    )


def examine_offers(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Features that the site uses and the instance does not list. A missing list is no fault."""
    wanted = {
        "response_types_supported": [conf.response_type],
        "response_modes_supported": [conf.response_mode],
        "id_token_signing_alg_values_supported": conf.signing_algorithms[:1],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": conf.scope.split(),
    }
    for list_name, values in wanted.items():
        offered = document.get(list_name)
        for value in values if isinstance(offered, list) else ():
            if value not in offered:  # type: ignore[operator]
                yield _not_offered(list_name, value, f"It offers {offered}.")


def _not_offered(list_name: str, value: str, offered: str) -> Finding:
    if list_name == "scopes_supported":
        text = f"The instance does not list the scope {value!r}."
        return bad("offers", text, f"Take it out of {name('SCOPE')}. {offered}")
    return bad("offers", f"The instance does not list {value!r} in {list_name}.", offered)


def examine_credentials(client: Client) -> Finding:
    """Asks with a made-up code. If the instance refuses only the code, it knows the application."""
    made_up = new_secrets()
    try:
        exchange_code(
            client,
            code=code_challenge(made_up.state),
            code_verifier=made_up.code_verifier,
            redirect_uri=conf.callback_url or NOWHERE,
            scope=conf.scope,
            now=time.time(),
        )
    except OAuthError as error:
        return _answered(client, error)
    except InstanceIDError as error:
        text = f"The token endpoint does not answer as it should. {sentence(error)}"
        return bad("application", text, "Tell the instance's staff, or try again later.")
    text = "The instance gives tokens for a made-up code."
    return bad("application", text, "Do not use this instance.")


def _answered(client: Client, error: OAuthError) -> Finding:
    if error.code == "invalid_grant":
        return ok("application", "The instance knows the application and its secret.")
    # The hash is no secret: the registration shows it.
    return bad(
        "application",
        f"The instance refuses the application: {error.code}.",
        f"{_hint_at_hash(client.client_secret)}"
        "Compare APPLICATION_URI and APPLICATION_SECRET with the Trusted Application, which "
        "has to be enabled:\n"
        f"ApplicationUri         {client.client_id}\n"
        f"ApplicationSecretHash  {secret_hash(client.client_secret)}",
    )


def _hint_at_hash(secret: str) -> str:
    # Base64 of 32 bytes.
    if not re.fullmatch(r"[A-Za-z0-9+/]{43}=", secret):
        return ""
    return f"{name('APPLICATION_SECRET')} looks like a hash: set it to the secret itself.\n"
