"""Explains an error to those who set the site up: what happened, and the cure."""

from __future__ import annotations

from django.conf import settings

from ..conf import conf, setting_name
from ..oidc.errors import InstanceIDError, OAuthError
from ..oidc.provider import is_on_this_machine

SENTENCES = {
    "unreachable": "No connection to {url} can be made from this machine.",
    "timeout": "{url} does not answer in time.",
    "connection_lost": "The connection to {url} is lost before the answer is complete.",
    "tls_failed": "This machine does not trust the certificate of {url}.",
    "no_tls": "No https connection to {url} can be made: the server there may speak plain http.",
    "ca_bundle_missing": "{setting} names the file {path}, and there is no such file.",
    "ca_bundle_unreadable": "{setting} names the file {path}, which is no list of certificates.",
    "proxy_failed": "The proxy that {setting} names does not connect this machine to the instance.",
    "proxy_unsupported": "{setting} names a proxy of a kind that this machine cannot use.",
    "server_error": "{url} answers with HTTP status {status}.",
    "unexpected_status": "{url} answers with HTTP status {status}.",
    "not_json": "{url} answers with something that is not JSON.",
    "not_a_json_object": "{url} answers with JSON that is not an object.",
    "answer_too_large": "{url} answers with more than {limit} bytes.",
    "issuer_mismatch": "The instance calls itself {actual!r}, and this site expects {expected!r}.",
    "endpoint_missing": "The metadata of {issuer} does not name its {endpoint}.",
    "endpoint_not_https": "The metadata of {issuer} names a {endpoint} that is not https.",
    "malformed_key_set": "The instance's key set is not a JSON Web Key Set.",
    "claim_mismatch": "In a token the claim {claim!r} is not {expected!r}.",
    "token_expired": "By this machine's clock, a token of the instance has expired.",
    "token_not_yet_valid": "By this machine's clock, a token of the instance is not valid yet.",
    "unknown_attempt": "The browser has no cookie for this sign-in.",
    "user_type_refused": "The visitor's user type is {user_type!r}.",
    "tables_missing": "The database lacks a table or a column.",
    "sent_back": "A page of this site sends a visitor who is signed in to sign in again.",
}
# The instance's own errors: an OAuth code such as server_error means something else above.
REFUSALS = {
    "invalid_client": "The instance does not know this application, or not with this secret.",
    "unauthorized_client": "The instance does not let this application sign visitors in.",
    "invalid_redirect_uri": "The instance does not know this site's callback as the application's.",
    "invalid_scope": "The instance does not give this application all that SCOPE names.",
}
_COMPARE_FLOW = (
    "Compare SCOPE, RESPONSE_TYPE and RESPONSE_MODE with what the Trusted Application may ask for."
)
_COMPARE_APPLICATION = (
    "Compare APPLICATION_URI and APPLICATION_SECRET with the Trusted Application, which has to be "
    "enabled."
)
_CLOCKS = "Keep the clocks of this machine and of the instance in time (NTP)."
CURES = {
    "issuer_mismatch": (
        f"Set {setting_name('ISSUER')} to the name that the instance gives itself, to the "
        "character."
    ),
    "tls_failed": "Set REQUESTS_CA_BUNDLE to the certificate of its CA.",
    "no_tls": f"Check {setting_name('INSTANCE_URL')}: the address of a stand-in on this machine "
    "begins with http://.",
    "ca_bundle_missing": "Set {setting} to a file that this process can see, or unset it.",
    "ca_bundle_unreadable": "Set {setting} to a file of certificates in PEM.",
    "proxy_failed": "Check {setting} and NO_PROXY, and that the proxy may connect to the instance.",
    "proxy_unsupported": "Set {setting} to an address with http://, https:// or socks5h://. For "
    "SOCKS: pip install requests[socks]",
    "invalid_client": _COMPARE_APPLICATION,
    "unauthorized_client": _COMPARE_APPLICATION,
    "invalid_redirect_uri": "Register this site's address as ImpersonateLoginUrl.",
    "invalid_scope": _COMPARE_FLOW,
    "invalid_request": _COMPARE_FLOW,
    "unsupported_response_type": _COMPARE_FLOW,
    "unsupported_grant_type": _COMPARE_FLOW,
    "claim_mismatch": "Compare ISSUER (claim iss) or APPLICATION_URI (claim aud).",
    "token_expired": _CLOCKS,
    "token_not_yet_valid": _CLOCKS,
    "unknown_attempt": (
        "Use one host name from the start to the end of a sign-in. Behind a proxy, set "
        "SECURE_PROXY_SSL_HEADER."
    ),
    "user_type_refused": f"If such visitors may sign in, add this type to "
    f"{setting_name('ALLOWED_USER_TYPES')}.",
    "tables_missing": "Run “manage.py migrate”.",
    "sent_back": "Use raise_exception=True where a page wants a right. Let LOGIN_REDIRECT_URL not "
    "lead to sign-in, and let browsers keep the session cookie.",
}
# These depend on the visitor and on the page, and the doctor sees neither.
NOTHING_FOR_DOCTOR = frozenset({"user_type_refused", "sent_back"})
# The instance could not be asked, or something else answered in its place.
WRONG_PLACE = frozenset(
    {
        "unreachable",
        "timeout",
        "connection_lost",
        "server_error",
        "unexpected_status",
        "not_json",
        "not_a_json_object",
        "endpoint_missing",
        "endpoint_not_https",
    }
)


def sentence(error: InstanceIDError) -> str:
    """The event in one sentence. The error's code follows in brackets, as in the reference."""
    text = SENTENCES.get(_key(error), "The instance answers in a way that this site cannot use.")
    if isinstance(error, OAuthError):
        text = REFUSALS.get(error.code, "The instance answers with an error.")
    return f"{text.format_map(_Facts(error.facts))} ({error.code})"


def cure(error: InstanceIDError) -> str:
    """The change that helps; empty if that depends on more than the error."""
    if error.code not in WRONG_PLACE:
        return CURES.get(_key(error), "").format_map(_Facts(error.facts))
    text = f"Check {setting_name('INSTANCE_URL')}, and that this machine may connect to it."
    if conf.raw().get("ISSUER"):
        text = (
            f"Check {setting_name('ISSUER')}, and that this machine may connect to it. Leave it "
            f"out if the issuer is {conf.instance_url}/id."
        )
    if error.code == "unreachable" and is_on_this_machine(conf.issuer):
        text += " A stand-in runs by “python -m erpnet_instanceid.testing”."
    return text


def note_for_developers(error: InstanceIDError) -> str:
    """The cure that a page may show with DEBUG on; empty if it is off, or nothing needs a cure."""
    text = cure(error) if settings.DEBUG else ""
    if not text:
        return ""
    note = f"{sentence(error)} {text}"
    if error.code in NOTHING_FOR_DOCTOR:
        return note
    return f"{note} “manage.py instanceid doctor” tells more."


def _key(error: InstanceIDError) -> str:
    """The name under which an error has its sentence and its cure."""
    is_certificate = error.facts.get("cause") in ("SSLCertVerificationError", "CertificateError")
    if error.code == "tls_failed" and not is_certificate:
        return "no_tls"
    return error.code


class _Facts(dict[str, object]):
    """The facts of an error; a missing one reads like "its url"."""

    def __missing__(self, name: str) -> str:
        return f"its {name}"
