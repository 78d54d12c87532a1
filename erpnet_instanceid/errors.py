"""Every exception that a site may catch. All of them are InstanceIDError."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

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
    "APINotFound",
    "AttemptError",
    "ImportFailed",
    "InstanceIDError",
    "InstanceUnavailable",
    "InvalidResponse",
    "MaximumLicenseCountExceeded",
    "OAuthError",
    "SignInDenied",
    "SignInExpired",
    "TokenRejected",
]


SHORT_CHARACTERS = 300


class APIError(InstanceIDError):
    """An API of the instance refused a call.

    ``status`` is the HTTP status. ``message`` is the instance's text for people, in the language of
    the call and with its lines. ``rule`` names the business rule that refused ("R17342"), "" if the
    instance names none. ``instance_code`` is the instance's number for the error; ``code`` is the
    same as text, or "http_404" and the like without a number. ``message_format`` is the text with
    places for ``parameters``. The error leaves out the instance's stack trace.
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
        **more: object,
    ) -> None:
        super().__init__(code, status=status, message=message, type=kind, url=url, **more)

    @property
    def status(self) -> int:
        return int(str(self.facts.get("status", 0)))

    @property
    def message(self) -> str:
        return str(self.facts.get("message", ""))

    @property
    def type(self) -> str:
        return str(self.facts.get("type", ""))

    @property
    def rule(self) -> str:
        return str(self.facts.get("rule", ""))

    @property
    def instance_code(self) -> int | None:
        number = self.facts.get("instance_code")
        return number if isinstance(number, int) else None

    @property
    def message_format(self) -> str:
        return str(self.facts.get("message_format", ""))

    @property
    def parameters(self) -> tuple[Any, ...]:
        found = self.facts.get("parameters", ())
        return found if isinstance(found, tuple) else ()

    def add_to(self, form: Any, field: str | None = None) -> None:
        """Shows the instance's message on a Django form, beside ``field`` or above all fields."""
        form.add_error(field, self.message or _("The instance refused this and gave no reason."))

    def __str__(self) -> str:
        # A log takes this text: one line, however long the message is.
        shown = {
            "status": self.status,
            "message": " ".join(self.message.split())[:SHORT_CHARACTERS],
            "type": self.type,
            "rule": self.rule,
            "url": self.facts.get("url", ""),
        }
        facts = ", ".join(f"{name}={value!r}" for name, value in shown.items() if value)
        return f"{self.code} ({facts})"


class APINotFound(APIError):
    """The instance has no such address, or no such object: it answered 404."""


class ImportFailed(APIError):
    """An import was answered, and the instance refused some of its objects.

    ``results`` are the instance's results, one for each object in the order they were sent.
    ``failures`` are the errors of the refused objects, each with its place in that order. An import
    with ``"transaction": "per-object"`` has stored the other objects.
    """

    @property
    def results(self) -> tuple[Any, ...]:
        found = self.facts.get("results", ())
        return found if isinstance(found, tuple) else ()

    @property
    def failures(self) -> dict[int, APIError]:
        found = self.facts.get("failures", {})
        return found if isinstance(found, dict) else {}


class MaximumLicenseCountExceeded(APIError):
    """All licences of the instance are in use.

    A licence becomes free when a person signs out, or 20 minutes after that person's last call.
    """
