"""The instance's signing keys."""

from __future__ import annotations

import secrets
import threading
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from joserfc.jwk import KeySet, RSAKey


def new_key(bits: int = 2048) -> RSAKey:
    """A new RS256 key with a hex `kid`, as IdentityServer names its keys."""
    kid = secrets.token_hex(16).upper()
    return RSAKey.generate_key(bits, {"kid": kid, "use": "sig", "alg": "RS256"})


class KeyRing:
    """The signing key, the published keys, and all keys since the start.

    All keys are kept for `id_token_hint`, which may have been signed before a rotation.
    """

    def __init__(self, key: RSAKey | None = None) -> None:
        self._lock = threading.Lock()
        self.current = key or new_key()
        self._published = [self.current]
        self._known = [self.current]

    def rotate(self, keep_old: bool, key: RSAKey | None = None) -> RSAKey:
        fresh = key or new_key()
        with self._lock:
            self.current = fresh
            self._published = [fresh, *self._published] if keep_old else [fresh]
            self._known.append(fresh)
        return fresh

    @property
    def private_key(self) -> RSAPrivateKey:
        private = self.current.private_key
        if not isinstance(private, RSAPrivateKey):
            raise TypeError("the signing key has no private part")
        return private

    @property
    def known(self) -> KeySet:
        return KeySet(list(self._known))

    @property
    def published(self) -> KeySet:
        return KeySet(list(self._published))

    def jwks(self) -> dict[str, Any]:
        """The key set document."""
        return {"keys": [dict(key.as_dict(private=False)) for key in self._published]}
