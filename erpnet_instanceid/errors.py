"""Every exception that a site may catch. All of them are InstanceIDError."""

from __future__ import annotations

from .oidc.errors import (
    AttemptError,
    InstanceIDError,
    InstanceUnavailable,
    InvalidResponse,
    OAuthError,
    SignInDenied,
    SignInExpired,
    TokenRejected,
)

__all__ = [
    "APIError",
    "AttemptError",
    "InstanceIDError",
    "InstanceUnavailable",
    "InvalidResponse",
    "MaximumLicenseCountExceeded",
    "OAuthError",
    "SignInDenied",
    "SignInExpired",
    "TokenRejected",
]


class APIError(InstanceIDError):
    """An API of the instance refused a call.

    ``status`` is the HTTP status. ``message``, ``code`` and ``type`` are the instance's own. The
    error leaves out the instance's stack trace.
    """

    def __init__(
        self,
        code: str,
        /,
        *,
        status: int,
        message: str = "",
        kind: str = "",
        url: str = "",
    ) -> None:
        super().__init__(code, status=status, message=message, type=kind, url=url)

    @property
    def status(self) -> int:
        return int(str(self.facts.get("status", 0)))

    @property
    def message(self) -> str:
        return str(self.facts.get("message", ""))

    @property
    def type(self) -> str:
        return str(self.facts.get("type", ""))


class MaximumLicenseCountExceeded(APIError):
    """All licences of the instance are in use.

    A licence becomes free when a person signs out, or 20 minutes after that person's last call.
    """
