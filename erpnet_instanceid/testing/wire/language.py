"""The language of an answer. ErpNetDocs, domain-api/common-tasks/change-language."""

from __future__ import annotations

from flask import request

from ..world.refusals import ENGLISH

CULTURE_COOKIE = ".AspNetCore.Culture"


def asked_language(default: str = ENGLISH) -> str:
    """The language that the request asks for, for example `bg`.

    In this order: the parameter `culture`, the cookie, the header Accept-Language, `default`.
    """
    culture = request.args.get("culture") or _cookie_culture()
    culture = culture or request.accept_languages.best or default
    return culture.replace("_", "-").partition("-")[0].lower() or default


def _cookie_culture() -> str:
    # ASP.NET Core writes `c=bg|uic=bg`; the documentation writes `bg`.
    value = request.cookies.get(CULTURE_COOKIE, "")
    return value.partition("|")[0].removeprefix("c=")
