"""Says in a sentence what an error of the instance means."""

from __future__ import annotations

from ...oidc.errors import InstanceIDError, OAuthError

SENTENCES = {
    "unreachable": "No connection to {url} can be made from this machine.",
    "timeout": "{url} does not answer in time.",
    "connection_lost": "The connection to {url} is lost before the answer is complete.",
    "tls_failed": "This machine does not trust the certificate of {url}.",
    "proxy_failed": "The proxy that this machine's environment names makes no way to {url}.",
    "server_error": "{url} answers with HTTP status {status}.",
    "unexpected_status": "{url} answers with HTTP status {status}.",
    "not_json": "{url} answers with something that is not JSON.",
    "not_a_json_object": "{url} answers with JSON that is not an object.",
    "answer_too_large": "{url} answers with more than {limit} bytes.",
    "issuer_mismatch": "The instance calls itself {actual!r}, and this site expects {expected!r}.",
    "endpoint_missing": "The metadata of {issuer} does not name its {endpoint}.",
    "endpoint_not_https": "The metadata of {issuer} names a {endpoint} that is not https.",
    "malformed_key_set": "The instance's key set is not a JSON Web Key Set.",
}


def sentence(error: InstanceIDError) -> str:
    """What happened. The error's code follows in brackets, as the reference lists it."""
    text = SENTENCES.get(error.code, "The instance answers in a way that this site cannot use.")
    if isinstance(error, OAuthError):
        text = "The instance answers with an error."
    return f"{text.format_map(_Facts(error.facts))} ({error.code})"


class _Facts(dict[str, object]):
    """The facts of an error; one that is missing reads like "its url"."""

    def __missing__(self, name: str) -> str:
        return f"its {name}"
