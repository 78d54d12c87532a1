"""Examines the addresses that the site gives the instance, and that the instance must know."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.urls import reverse

from ...checks.messages import name
from ...conf import conf
from ...oidc.client import Client
from ...oidc.errors import InstanceIDError, InstanceUnavailable
from ...pages.explanations import sentence
from ..registration import login_url, logout_url, signin_url, site_address
from .findings import Finding, bad, look, ok
from .redirects import onward, open_page, parameters
from .rehearsal import Rehearsal, rehearse

# The instance's answers to a request without a person, when it accepts the address.
WANTS_SOMEBODY = frozenset(
    {"login_required", "interaction_required", "consent_required", "account_selection_required"}
)
HTTPS_CURE = (
    "A proxy takes https off, and Django does not know. Set "
    'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https"), and let the proxy set this '
    "header itself."
)
HOST_CURE = (
    "A proxy changes the Host header. Let it pass on the visitor's (nginx: proxy_set_header Host "
    "$host), or set USE_X_FORWARDED_HOST = True."
)
PATH_CURE = "A proxy or the server changes the path. Compare FORCE_SCRIPT_NAME with it."


def examine_site(client: Client, site: str) -> Finding:
    """Opens the site's sign-in, and compares the address that it gives the instance.

    Raises InstanceIDError if the metadata is missing.
    """
    start = signin_url(site)
    try:
        answer = open_page(start, client.limits)
    except InstanceIDError as error:
        text = f"{start} could not be opened from here. {sentence(error)}"
        return look("site", text, "Start the site, or run this command where it can be reached.")
    target = onward(start, answer)
    if not target:
        return _no_redirect(start, answer.status)
    if not target.startswith(client.provider.metadata().authorization_endpoint):
        return _leads_elsewhere(start, target)
    return _compared(dict(parameters(target)), client, login_url(site))


def _no_redirect(start: str, status: int) -> Finding:
    cure = {
        400: "Name the host in ALLOWED_HOSTS.",
        404: "Check that the proxy passes this path to the site, and that the site is below it.",
    }.get(status, "The site's log says why, logger erpnet_instanceid.")
    return bad("site", f"{start} answers with HTTP status {status} and starts no sign-in.", cure)


def _leads_elsewhere(start: str, target: str) -> Finding:
    shown = target.partition("?")[0]
    if shown == start:
        return bad("site", f"{start} redirects to itself.", HTTPS_CURE)
    cure = "Give --site the address that visitors use, and let its sign-in lead to the instance."
    return bad("site", f"{start} leads to {shown} and not to the instance.", cure)


def _compared(sent: dict[str, str], client: Client, expected: str) -> Finding:
    if sent.get("client_id") != client.client_id:
        text = f"The site signs in as {sent.get('client_id')}, and these settings say "
        return bad(
            "site", f"{text}{client.client_id}.", "Run this command with the site's settings."
        )
    address = sent.get("redirect_uri", "")
    if address == expected:
        return ok("site", f"The site gives the instance the address {address}")
    return bad(
        "site",
        f"The site gives the instance the address {address} and should give {expected}",
        _cure(address, expected),
    )


def _cure(address: str, expected: str) -> str:
    if conf.callback_url:
        return f"Run this command with the site's settings: its {name('CALLBACK_URL')} differs."
    sent, wanted = urlsplit(address), urlsplit(expected)
    cures = [
        cure
        for differs, cure in (
            (sent.scheme != wanted.scheme, HTTPS_CURE),
            (sent.netloc != wanted.netloc, HOST_CURE),
            (sent.path != wanted.path, PATH_CURE),
        )
        if differs
    ]
    return "\n".join([*cures, f'Or set {name("CALLBACK_URL")} = "{expected}".'])


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
    """What the instance must know for sign-out. It cannot be tried.

    Without a person's ID token the instance owes no answer: RP-Initiated Logout 2 and 3.
    """
    if conf.post_logout_url == "":
        return ok(
            "logout_url", f"{name('POST_LOGOUT_URL')} is empty: sign-out ends at the instance."
        )
    cure = "Sign in and out once. If the instance does not lead you back, it is registered wrong."
    if conf.post_logout_url or site or site_address():
        url = logout_url(site or site_address())
        return look("logout_url", f"ImpersonateLogoutUrl must be exactly {url}", cure)
    path = reverse("erpnet_instanceid:signout_callback")
    text = f"ImpersonateLogoutUrl must be exactly the site's address followed by {path}"
    return look("logout_url", text, cure)
