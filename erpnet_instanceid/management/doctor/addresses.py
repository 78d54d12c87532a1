"""Examines the addresses of the site that must be registered at the instance."""

from __future__ import annotations

from django.urls import reverse

from ...checks.messages import name
from ...conf import conf
from ...oidc.client import Client
from ...oidc.errors import InstanceIDError, InstanceUnavailable
from ...oidc.provider import is_on_this_machine
from ...pages.explanations import sentence
from ..registration import login_url, logout_url, site_address
from .findings import Finding, bad, look, ok
from .rehearsal import Rehearsal, rehearse

# The instance's answers to a request without a person, when it accepts the address.
WANTS_SOMEBODY = frozenset(
    {"login_required", "interaction_required", "consent_required", "account_selection_required"}
)


def examine_login_url(client: Client, site: str, *, is_known: bool) -> Finding:
    """Whether the instance answers sign-ins to the site's address."""
    if not site and not conf.callback_url:
        path = reverse("erpnet_instanceid:signin_callback")
        return look(
            "login_url",
            f"ImpersonateLoginUrl must be exactly the site's address followed by {path}, https "
            "included.",
            "To try it: manage.py instanceid doctor --site https://backend.example.com",
        )
    url = login_url(site)
    must_be = f"ImpersonateLoginUrl must be exactly {url}"
    if not is_known:
        return look("login_url", must_be, "It is tried once the instance knows the application.")
    try:
        return _rehearsed(client, url)
    except InstanceUnavailable as error:
        return look("login_url", must_be, f"It could not be tried. {sentence(error)}")
    except InstanceIDError as error:
        text = f"The authorize endpoint does not answer as it should. {sentence(error)}"
        return bad("login_url", text, "Tell the instance's staff.")


def _rehearsed(client: Client, url: str) -> Finding:
    rehearsal = rehearse(
        client,
        redirect_uri=url,
        scope=conf.scope,
        response_type=conf.response_type,
        response_mode=conf.response_mode,
    )
    if rehearsal.outcome == "unclear":
        return look(
            "login_url",
            f"ImpersonateLoginUrl must be exactly {url}",
            "It could not be told: the instance shows a page where it should answer the site.",
        )
    if rehearsal.error in WANTS_SOMEBODY:
        return ok("login_url", f"The instance answers sign-ins to {url}")
    if rehearsal.outcome == "answered" or _accepts_least(client, url):
        return _not_the_address(rehearsal)
    return bad(
        "login_url",
        f"The instance does not accept {url}",
        "Register it as ImpersonateLoginUrl, to the character.",
    )


def _accepts_least(client: Client, url: str) -> bool:
    """Whether the instance accepts the address from a request that asks for nothing else."""
    least = rehearse(
        client, redirect_uri=url, scope="openid", response_type="code", response_mode="query"
    )
    return least.outcome == "answered"


def _not_the_address(rehearsal: Rehearsal) -> Finding:
    reason = rehearsal.error or "it does not accept what the site asks for"
    return bad(
        "login_url",
        f"The instance does not start a sign-in: {reason}.",
        "Compare SCOPE, RESPONSE_TYPE and RESPONSE_MODE with what the Trusted Application may "
        f"ask for. This site asks for the scope {conf.scope}",
    )


def examine_logout_url(site: str) -> Finding:
    """The address that the instance must know for sign-out. It cannot be tried.

    Without a person's ID token the instance owes no answer: RP-Initiated Logout 2 and 3.
    """
    if conf.post_logout_url == "":
        return ok(
            "logout_url", f"{name('POST_LOGOUT_URL')} is empty: sign-out ends at the instance."
        )
    cure = "Sign in and out once. If the instance does not lead you back, it is registered wrong."
    if conf.post_logout_url or site or site_address():
        url = logout_url(site or site_address())
        if is_on_this_machine(conf.issuer) and is_on_this_machine(url):
            return ok("logout_url", f"A stand-in instance lets sign-outs come back to {url}")
        return look("logout_url", f"ImpersonateLogoutUrl must be exactly {url}", cure)
    path = reverse("erpnet_instanceid:signout_callback")
    text = f"ImpersonateLogoutUrl must be exactly the site's address followed by {path}"
    return look("logout_url", text, cure)
