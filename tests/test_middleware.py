"""What `TokenRefreshMiddleware` leaves of a session, and for whom."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, markcoroutinefunction
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.test import AsyncClient, Client
from django.utils import timezone

from erpnet_instanceid.held_forms import kept_form
from erpnet_instanceid.models import SignIn

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.usefixtures("instance")
def test_visitor_who_never_signed_in_keeps_the_session(client: Client) -> None:
    client.get("/basket?add=tea")
    assert client.get("/api").status_code == 302
    assert client.get("/basket").json() == {"basket": ["tea"]}


@pytest.mark.usefixtures("instance")
def test_user_of_another_backend_stays_signed_in(client: Client) -> None:
    client.force_login(
        get_user_model().objects.create_user("local"), "django.contrib.auth.backends.ModelBackend"
    )
    assert client.get("/api").status_code == 302
    assert client.get("/whoami").json()["user"] == "local"


def end_sign_in(client: Client) -> None:
    """What the instance does without a word, noticed when the token is over."""
    SignIn.objects.update(ended=timezone.now())
    session = client.session
    session["erpnet_instanceid"] = {**session["erpnet_instanceid"], "expires_at": time.time() - 1}
    session.save()


class LooksAtUserFirst:
    """A middleware of the site that asks who is there before the tokens are looked at."""

    sync_capable = False
    async_capable = True

    def __init__(self, get_response: Callable[..., Any]) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> Any:
        await request.auser()
        return await self.get_response(request)


def test_async_view_sees_nobody_whose_sign_in_has_ended(
    client: Client, instance_sign_in: Callable[..., Any], settings: Any
) -> None:
    instance_sign_in(client, "maria")
    end_sign_in(client)
    *others, ours = settings.MIDDLEWARE
    settings.MIDDLEWARE = [*others, f"{__name__}.LooksAtUserFirst", ours]
    other = AsyncClient()
    other.cookies = client.cookies
    assert async_to_sync(other.get)("/async/whoami").json()["user"] == ""


@pytest.mark.parametrize("client_class", [Client, AsyncClient])
def test_form_is_kept_for_the_user_whose_sign_in_has_ended(
    client: Client, instance_sign_in: Callable[..., Any], client_class: type
) -> None:
    instance_sign_in(client, "maria")
    end_sign_in(client)
    other = client_class()
    other.cookies = client.cookies
    post = async_to_sync(other.post) if client_class is AsyncClient else other.post
    response = post("/private", {"text": "for maria alone"})
    assert response.headers["Location"] == "/signin?next=%2Fsignin-resume"
    session = other.session
    sealed = session["erpnet_instanceid_form"]
    assert kept_form(session, AnonymousUser()) is None
    session["erpnet_instanceid_form"] = sealed
    form = kept_form(session, get_user_model().objects.get(username="maria"))
    assert form is not None
    assert form.fields == [("text", "for maria alone")]
