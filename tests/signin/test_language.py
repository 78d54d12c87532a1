"""The language of a sign-in: of the instance's pages, and of this site afterwards."""

from urllib.parse import parse_qs, urlsplit

import pytest


@pytest.mark.parametrize("language", ["en", "bg"])
def test_instance_is_asked_for_the_language_of_the_page(visitor, language):
    answer = visitor.get("/signin", headers={"Accept-Language": language})
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert asked["ui_locales"] == [language]


@pytest.mark.parametrize(
    ("locale", "language"),
    [("bg", "bg"), ("bg-BG", "bg"), ("en_US", "en"), ("zz", None), (5, None)],
)
def test_visitor_without_a_choice_gets_the_tokens_language(
    visitor, instance, configure, locale, language
):
    configure(LANGUAGE_FROM_TOKEN=True)
    instance.change("access_token", lambda token: token.claims.update(locale=locale))
    visitor.sign_in("maria")
    assert visitor.http.cookies.get("django_language") == language


@pytest.mark.parametrize(("asks", "chosen"), [(True, "en"), (False, None)])
def test_choice_of_a_visitor_stays(visitor, configure, asks, chosen):
    configure(LANGUAGE_FROM_TOKEN=asks)
    visitor.http.cookies.set("django_language", chosen)
    visitor.sign_in("maria")
    assert visitor.http.cookies.get("django_language") == chosen
