"""The watch over secrets finds each kind of leak."""

import logging
from urllib.parse import quote

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.core import mail
from django.http import HttpResponse, HttpResponseRedirect
from django.test import RequestFactory

from .leaks import Watch, watching

SECRET = "a+secret/of some length, and more of it after that"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtYXJpYSIsImVtYWlsIjoibSJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ"

AUTHORIZE = "https://op.test/id/connect/authorize"

logger = logging.getLogger("site")


def log_exception(secret):
    try:
        try:
            raise ValueError(secret)
        except ValueError as error:
            raise KeyError("other") from error
    except KeyError:
        logger.exception("failed")


def save_user(secret):
    get_user_model().objects.create_user("maria", first_name=secret[:30])


def save_session(secret):
    session = SessionStore()
    session["token"] = secret
    session.save()


@pytest.fixture
def watch(db):
    watch = Watch("http://localhost:8000")
    watch.learn("code", SECRET)
    watch.learn("id_token", TOKEN)
    return watch


@pytest.mark.parametrize(
    "leak",
    [
        lambda secret: logger.debug("got %s", secret),
        lambda secret: logger.debug("got it", {"code": secret}),
        lambda secret: logger.info("got %s", secret[:24]),
        lambda secret: logger.info("GET /?code=%s", quote(secret)),
        lambda secret: logger.info("GET /?code=%s", quote(secret, safe="").replace("%20", "+")),
        lambda secret: logging.getLogger("site.made.later").debug(secret),
        log_exception,
        lambda secret: mail.mail_admins("failed", secret),
        save_user,
        save_session,
    ],
)
def test_finds_a_secret_where_it_is(watch, settings, leak):
    settings.ADMINS = ["operator@rp.test"]
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    with watching(watch):
        leak(SECRET)
    watch.note_mail()
    watch.note_database()

    found = watch.leaks()
    assert found
    assert all(place.startswith("code in ") for place in found)
    assert SECRET[:10] not in found


@pytest.mark.parametrize("part", TOKEN.split(".")[1:])
def test_knows_a_token_by_each_of_its_parts(watch, part):
    with watching(watch):
        logger.info("claims %s", part)
        logger.info("header %s", TOKEN.split(".")[0])

    assert watch.leaks() == ["id_token in log site"]


@pytest.mark.parametrize(
    ("response", "found"),
    [
        (HttpResponse(f"<p>{SECRET}</p>"), ["code in page /signin"]),
        (HttpResponseRedirect(f"/?code={quote(SECRET)}"), ["code in header Location of /signin"]),
        (HttpResponseRedirect(f"{AUTHORIZE}?state={quote(SECRET)}"), []),
        (
            HttpResponseRedirect(f"{AUTHORIZE}?code={quote(SECRET)}"),
            ["code in header Location of /signin"],
        ),
    ],
)
def test_looks_at_answers_of_the_site(watch, response, found):
    response.set_cookie("erpnet_answer", "sealed and opaque value")
    response.set_cookie("other", SECRET)
    watch.note_response(RequestFactory().get("/signin"), response)
    with watching(watch):
        logger.info("cookies: sealed and opaque value")

    in_cookies = ["code in cookie other", "cookie erpnet_answer in log site"]
    assert watch.leaks() == sorted([*in_cookies, *found])
