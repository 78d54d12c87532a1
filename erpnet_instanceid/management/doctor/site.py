"""Opens the site's sign-in, and compares the address that the site gives the instance."""

from __future__ import annotations

from urllib.parse import urlsplit

from ...checks.messages import name
from ...conf import conf
from ...oidc import http
from ...oidc.client import Client
from ...oidc.errors import InstanceIDError
from ...pages.explanations import sentence
from ..registration import login_url, signin_url
from .findings import Finding, bad, look, ok
from .redirects import onward, open_page, parameters

HTTPS_CURE = (
    "A proxy takes https off, and Django does not know. Set "
    'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https"), and let the proxy set this '
    "header itself."
)
HOST_CURE = (
    "A proxy changes the Host header. Let it pass on the visitor's (nginx: proxy_set_header Host "
    "$host), or set USE_X_FORWARDED_HOST = True."
)
COOKIE_CURE = (
    "A proxy or CDN removes Set-Cookie, or answers from its cache. Let it pass /signin, "
    "/signin-callback and /signout on as they are."
)
PATH_CURE = "A proxy or the server changes the path. Compare FORCE_SCRIPT_NAME with it."


def examine_site(client: Client, site: str) -> Finding:
    """Whether the site gives the instance its address, to the character."""
    start = signin_url(site)
    try:
        answer = open_page(start, client.limits)
        target = onward(start, answer)
        if _is_on_callback_host(start, target):
            # The site moves a sign-in to the host of CALLBACK_URL before it begins.
            start, answer = target, open_page(target, client.limits)
            target = onward(start, answer)
    except InstanceIDError as error:
        return look(
            "site", sentence(error), "Start the site, or run this command where it can be reached."
        )
    if not target:
        return _no_redirect(start, answer.status)
    if not target.startswith(client.provider.metadata().authorization_endpoint):
        return _leads_elsewhere(start, target)
    if "Set-Cookie" not in answer.headers:
        return bad("site", f"{start} sends no cookie, so no sign-in can be completed.", COOKIE_CURE)
    return _compared(dict(parameters(target)), client, login_url(site))


def _is_on_callback_host(start: str, target: str) -> bool:
    if not conf.callback_url or not target:
        return False
    host = http.origin_of(conf.callback_url)
    return http.origin_of(target) == host != http.origin_of(start)


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
    theirs, address = sent.get("client_id"), sent.get("redirect_uri", "")
    if theirs != client.client_id:
        text = f"The site signs in as {theirs}, and these settings say {client.client_id}."
        return bad("site", text, "Run this command with the site's settings.")
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
    differences = (
        (sent.scheme != wanted.scheme, HTTPS_CURE),
        (sent.netloc != wanted.netloc, HOST_CURE),
        (sent.path != wanted.path, PATH_CURE),
    )
    cures = [cure for differs, cure in differences if differs]
    return "\n".join([*cures, f'Or set {name("CALLBACK_URL")} = "{expected}".'])
