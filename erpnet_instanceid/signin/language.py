"""Gives a visitor who has chosen no language the one that the instance knows of."""

from __future__ import annotations

import time

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_supported_language_variant

from ..conf import conf
from ..cookies import is_in_frame_of_another_site
from ..oidc.access_token import access_token_claims
from ..oidc.token_set import TokenSet


def choose_language(
    request: HttpRequest, response: HttpResponse, tokens: TokenSet, subject: str
) -> None:
    """Sets Django's language cookie to the token's ``locale``, if the site asks for it.

    A visitor who has the cookie has chosen a language. `LocaleMiddleware` reads the cookie.
    """
    if not conf.language_from_token or settings.LANGUAGE_COOKIE_NAME in request.COOKIES:
        return
    claims = access_token_claims(
        tokens.access_token, client=conf.client, subject=subject, now=time.time()
    )
    language = _supported(claims.get("locale"))
    if language is not None:
        in_frame = is_in_frame_of_another_site(request)
        # As Django's view set_language does.
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            path=settings.LANGUAGE_COOKIE_PATH,
            domain=settings.LANGUAGE_COOKIE_DOMAIN,
            secure=settings.LANGUAGE_COOKIE_SECURE or in_frame,
            httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
            samesite="None" if in_frame else settings.LANGUAGE_COOKIE_SAMESITE,
        )


def _supported(locale: object) -> str | None:
    if not isinstance(locale, str):
        return None
    try:
        return get_supported_language_variant(locale.replace("_", "-").lower())
    except LookupError:
        return None
