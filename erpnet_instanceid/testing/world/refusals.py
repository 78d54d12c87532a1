"""Refusals of the instance's APIs, with their texts in each language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ENGLISH = "en"
#: The languages of the ready texts.
LANGUAGES = (ENGLISH, "bg")

#: The instance's own errors, and those of the program below it.
INSTANCE_ERROR = "Aloe.EnterpriseOne.Server.ServerAPI.Exceptions.EnterpriseOneServerException"
INVALID_OPERATION = "InvalidOperationException"

STACK_TRACE = "\r\n   at Erp.Domain.Api.Execute() in Api.cs:line 1"

VALIDATION_FAILED = 2029
DUPLICATE = 2129


class ApiRefusalError(Exception):
    """The API refuses a request. ErpNetDocs, domain-api/data-manipulation/error-handling.

    `texts` has the message by language; English is needed. `formats` has the same texts with
    `{0}`, `{1}` for `parameters`, where the instance sends both.
    """

    def __init__(
        self,
        texts: str | Mapping[str, str],
        *,
        status: int = 500,
        code: int = 0,
        kind: str = INVALID_OPERATION,
        formats: Mapping[str, str] | None = None,
        parameters: list[str] | None = None,
    ) -> None:
        self.texts = {ENGLISH: texts} if isinstance(texts, str) else texts
        super().__init__(self.texts[ENGLISH])
        self.status = status
        self.code = code
        self.kind = kind
        self.formats = formats
        self.parameters = parameters

    def fields(self, language: str) -> dict[str, Any]:
        """The members of the error in an answer. `info` is a stack trace, as at the instance."""
        message = in_language(self.texts, language)
        return {
            "message": message,
            "code": self.code,
            "type": self.kind,
            "info": f"System.Exception: {message}{STACK_TRACE}",
            "messageFormat": in_language(self.formats, language) if self.formats else None,
            "parameters": self.parameters,
        }


def in_language(texts: Mapping[str, str], language: str) -> str:
    return texts.get(language) or texts[ENGLISH]


def not_found(what: str) -> ApiRefusalError:
    return ApiRefusalError(
        {"en": f"There is no {what}.", "bg": f"Не съществува: {what}."}, status=404
    )


def forbidden(text: str) -> ApiRefusalError:
    return ApiRefusalError(text, status=403)


def no_licence() -> ApiRefusalError:
    return ApiRefusalError(
        {
            "en": "MaximumLicenseCountExceeded: all licences are in use.",
            "bg": "MaximumLicenseCountExceeded: всички лицензи са заети.",
        },
        kind=INSTANCE_ERROR,
    )
