"""Whether the instance and the site agree: what an operator asks when something does not work."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.db import DatabaseError, connections, router
from django.urls import reverse

from ..conf import conf
from ..models import Account, SignIn
from ..oidc import http
from ..oidc.authorization import code_challenge, new_secrets
from ..oidc.client import Client
from ..oidc.errors import InstanceIDError, InstanceUnavailable, OAuthError
from ..oidc.provider import discovery_address
from ..oidc.token_endpoint import exchange_code
from .registration import login_url, logout_url, secret_hash
from .rehearsal import rehearse_sign_in

TABLES_MISSING = "The tables of this app are missing. Run manage.py migrate."
NOWHERE = "https://localhost/signin-callback"
# What the instance answers to an address that it accepts, to a request without a person.
WANTS_SOMEBODY = frozenset(
    {"login_required", "interaction_required", "consent_required", "account_selection_required"}
)
# What a page of the instance names that has nothing to do with the address.
NOT_THE_ADDRESS = frozenset({"invalid_scope", "unsupported_response_type"})


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, and if it is not as it must be, the cure.

    ``look``: it cannot be told from here, and is for the operator to look at.
    """

    mark: Literal["ok", "look", "BAD"]
    what: str
    cure: str = ""


def examine(site: str = "") -> Iterator[Finding]:
    """Looks at database and instance as the site is configured to, one thing after the other.

    ``site`` is the site's address, where CALLBACK_URL does not tell it.
    """
    yield _tables()
    client = conf.client
    try:
        metadata = client.provider.metadata()
    except InstanceIDError as error:
        yield Finding(
            "BAD", f"{client.issuer} does not answer as an Instance ID: {error}", _cure(error)
        )
        return
    yield Finding("ok", f"{client.issuer} answers as an Instance ID.")
    yield _clock(client)
    yield from _offers(metadata.document)
    credentials = _credentials(client)
    yield credentials
    yield _sign_in_address(client, site, is_known=credentials.mark == "ok")
    yield _sign_out_address(site)


def has_tables() -> bool:
    """Whether the tables of this app are there. Raises DatabaseError."""
    connection = connections[router.db_for_write(SignIn)]
    present = set(connection.introspection.table_names())
    return present.issuperset(model._meta.db_table for model in (Account, SignIn))


def _tables() -> Finding:
    try:
        found = has_tables()
    except DatabaseError as error:
        return Finding("BAD", f"The database does not answer: {error}".strip(), "Check DATABASES.")
    if not found:
        return Finding("BAD", TABLES_MISSING)
    return Finding("ok", "The tables of this app are there.")


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
        return Finding("ok", "The instance does not tell the time.")
    ahead = round(time.time() - theirs)
    if abs(ahead) <= client.skew:
        return Finding("ok", "This machine's clock agrees with the instance's.")
    way = "ahead of" if ahead > 0 else "behind"
    return Finding(
        "BAD",
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
                "BAD", f"The instance does not list {value!r} in {name}.", f"It offers {offered}."
            )
    offered = document.get("scopes_supported")
    if isinstance(offered, list):
        for scope in conf.scope.split():
            if scope not in offered:
                yield Finding(
                    "BAD",
                    f"The instance does not list the scope {scope!r}.",
                    f"Take it out of SCOPE. Offered: {' '.join(map(str, offered))}.",
                )


def _credentials(client: Client) -> Finding:
    """Asks with a code that was never given: if only the code is objected to, the rest fits."""
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
        if error.code == "invalid_grant":
            return Finding("ok", "The instance knows the application and its secret.")
        # The hash is no secret: it stands in the registration.
        return Finding(
            "BAD",
            f"The instance refuses the application: {error.code}.",
            "Compare APPLICATION_URI and APPLICATION_SECRET with the Trusted Application, which "
            "has to be enabled:\n"
            f"ApplicationUri         {client.client_id}\n"
            f"ApplicationSecretHash  {secret_hash(client.client_secret)}",
        )
    except InstanceIDError as error:
        return Finding("BAD", f"The token endpoint does not answer as it should: {error}", "")
    return Finding("BAD", "The instance gave tokens for a made-up code.", "Do not use it.")


def _sign_in_address(client: Client, site: str, *, is_known: bool) -> Finding:
    if not site and not conf.callback_url:
        path = reverse("erpnet_instanceid:signin_callback")
        return Finding(
            "look",
            f"ImpersonateLoginUrl must be exactly the site's address followed by {path}, https "
            "included.",
            "To have it tried: manage.py instanceid doctor --site https://backend.example.com",
        )
    url = login_url(site)
    must_be = f"ImpersonateLoginUrl must be exactly {url}"
    if not is_known:
        return Finding("look", must_be, "It is tried once the instance knows the application.")
    try:
        answer = rehearse_sign_in(
            client,
            redirect_uri=url,
            scope=conf.scope,
            response_type=conf.response_type,
            response_mode=conf.response_mode,
        )
    except InstanceUnavailable as error:
        return Finding("look", must_be, f"It could not be tried: {error}")
    except InstanceIDError as error:
        return Finding("BAD", f"The authorize endpoint does not answer as it should: {error}")
    if answer.came_back and answer.error in WANTS_SOMEBODY:
        return Finding("ok", f"The instance answers sign-ins to {url}")
    if answer.asks_who:
        return Finding("look", must_be, "It could not be tried: the instance asks for a password.")
    if answer.came_back or answer.error in NOT_THE_ADDRESS:
        return Finding(
            "BAD",
            f"The instance does not start a sign-in: {answer.error or 'it answers without one'}.",
            "Compare SCOPE, RESPONSE_TYPE and RESPONSE_MODE with what the Trusted Application may "
            f"ask for. Sent: scope {conf.scope}",
        )
    named = f" (It says {answer.error}.)" if answer.error else ""
    return Finding(
        "BAD",
        f"The instance does not accept {url}",
        f"Register it as ImpersonateLoginUrl, to the character.{named}",
    )


def _sign_out_address(site: str) -> Finding:
    # Without a person's ID token the instance owes no answer about the address. RP-Initiated
    # Logout 2 and 3.
    if conf.post_logout_url:
        return Finding(
            "look",
            f"ImpersonateLogoutUrl must be exactly {logout_url(site)}",
            "Sign in and out once: if the instance does not send you back, it is registered wrong.",
        )
    return Finding(
        "look",
        "POST_LOGOUT_URL is not set: a sign-out ends at the instance.",
        "Set it to ImpersonateLogoutUrl, in full, if visitors are to come back to the site.",
    )
