"""Encryption at rest and in cookies, keyed from SECRET_KEY.

Uses Fernet from the cryptography package, with a key of its own for each purpose, so that data
sealed for one purpose does not open for another. SECRET_KEY_FALLBACKS open what older keys sealed.
"""

from __future__ import annotations

import base64
import functools

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from .oidc.jose import decode_base64url


def seal(purpose: str, data: bytes) -> str:
    """``data`` encrypted and authenticated, as text that cookies and addresses take as it is."""
    return _keyring(purpose).encrypt(data).rstrip(b"=").decode("ascii")


def unseal(purpose: str, text: str, *, max_age: int | None = None) -> bytes | None:
    """The data that was sealed for ``purpose``.

    None where ``text`` was not sealed for it, or is older than ``max_age`` seconds.
    """
    try:
        return _keyring(purpose).decrypt(_fernet_token(text), ttl=max_age)
    except InvalidToken:
        return None


def sealed_at(purpose: str, text: str) -> int | None:
    """When this was sealed for ``purpose``, in Unix seconds; None where it was not."""
    try:
        return _keyring(purpose).extract_timestamp(_fernet_token(text))
    except InvalidToken:
        return None


def _fernet_token(text: str) -> bytes:
    """A sealed text with its padding. Raises InvalidToken where it is not base64url."""
    # Fernet skips characters that are not base64, so one seal would have many spellings.
    if decode_base64url(text) is None:
        raise InvalidToken
    return f"{text}{'=' * (-len(text) % 4)}".encode()


def _keyring(purpose: str) -> MultiFernet:
    return _derive(purpose, settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@functools.lru_cache(maxsize=32)
def _derive(purpose: str, *secrets: str | bytes) -> MultiFernet:
    return MultiFernet([Fernet(_derive_key(purpose, secret)) for secret in secrets])


def _derive_key(purpose: str, secret: str | bytes) -> bytes:
    material = secret.encode() if isinstance(secret, str) else secret
    info = f"erpnet_instanceid.{purpose}".encode()
    return base64.urlsafe_b64encode(
        HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(material)
    )
