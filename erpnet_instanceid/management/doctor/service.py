"""Examines whether the application may call the instance's APIs as itself, and how often."""

from __future__ import annotations

import time

from ...checks.messages import name
from ...conf import conf
from ...oidc.client import Client
from ...oidc.errors import InstanceIDError, OAuthError
from ...oidc.token_endpoint import client_credentials
from ...pages.explanations import cure, sentence
from .findings import Finding, bad, ok


def examine_service(client: Client) -> Finding:
    """Whether the instance gives the application a token. A token alone takes no licence."""
    try:
        client_credentials(client, scope=conf.service_scope, now=time.time())
    except OAuthError as error:
        text = f"The instance gives the application no token of its own: {error.code}."
        return bad(
            "service",
            text,
            f"Set SystemUserAllowed and SystemUser at the Trusted Application, and let its Scope "
            f"have {conf.service_scope!r}; or leave {name('SERVICE_SCOPE')} out.",
        )
    except InstanceIDError as error:
        text = f"The application's own token cannot be had. {sentence(error)}"
        return bad("service", text, cure(error))
    return ok(
        "service",
        "The instance gives the application a token of its own: SystemUser is set, and "
        f"service_api() works with the scope {conf.service_scope!r}.",
    )


def tell_limits() -> Finding:
    """The limits that the calls of one token keep to. The instance does not tell its own."""
    return ok(
        "limits",
        f"Calls of one token: {conf.api_concurrency or 'any number'} at once, "
        f"{conf.api_per_minute or 'any number'} in a minute ({name('API_CONCURRENCY')}, "
        f"{name('API_PER_MINUTE')}). The instance does not tell its limits: ask its staff if "
        "calls are answered with 429.",
    )
