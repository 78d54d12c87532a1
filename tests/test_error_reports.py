"""An error that leaves the app takes no secret along, whichever step it comes from.

`no_leaks` watches: it reads each logged error as a collector does, with the variables of its
frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db.models.signals import pre_save
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from erpnet_instanceid.api import user_api
from erpnet_instanceid.signals import sign_in_ended, signed_in, tokens_refreshed
from erpnet_instanceid.testing import Instance

from . import views
from .support.visitor import Visitor

pytestmark = pytest.mark.urls(__name__)

CUSTOMERS = "/api/domain/odata/Crm_Sales_Customers"


class SiteError(Exception):
    """A receiver of the site fails."""


def calls(request: HttpRequest) -> HttpResponse:
    """A view that catches nothing."""
    user_api(request).get(request.GET.get("url", CUSTOMERS), **views_options(request))
    return HttpResponse("called")


def views_options(request: HttpRequest) -> dict[str, Any]:
    return {"headers": {"X-Note": "\ud800"}} if "broken" in request.GET else {}


urlpatterns = [
    path("", include("erpnet_instanceid.urls")),
    path("", views.home),
    path("whoami", views.whoami),
    path("age", views.age),
    path("calls", calls),
]


@pytest.fixture
def fails(live_server: Any) -> Iterator[Callable[[Signal, Any], None]]:
    """Connects a receiver that fails."""
    connected: list[tuple[Signal, Callable[..., None], Any]] = []

    def connect(signal: Signal, sender: Any = None) -> None:
        def receiver(**_kwargs: Any) -> None:
            raise SiteError

        signal.connect(receiver, sender=sender, weak=False)
        connected.append((signal, receiver, sender))

    yield connect
    for signal, receiver, sender in connected:
        signal.disconnect(receiver, sender=sender)


def test_receiver_that_fails_while_a_user_is_created(
    visitor: Visitor, fails: Callable[..., None]
) -> None:
    fails(pre_save, get_user_model())
    assert visitor.sign_in("maria").status_code == 500


def test_receiver_that_fails_after_a_sign_in(visitor: Visitor, fails: Callable[..., None]) -> None:
    fails(signed_in)
    assert visitor.sign_in("maria").status_code == 500


@pytest.mark.parametrize("page", ["/whoami", "/calls"])
def test_receiver_that_fails_after_a_renewal(
    visitor: Visitor, instance: Instance, fails: Callable[..., None], page: str
) -> None:
    instance.access_token_lifetime = 60
    visitor.sign_in("maria")
    visitor.get("/age")
    fails(tokens_refreshed)
    assert visitor.get(page).status_code == 500


def test_receiver_that_fails_after_a_refused_token(
    visitor: Visitor, instance: Instance, fails: Callable[..., None]
) -> None:
    visitor.sign_in("maria")
    instance.next_answer("api", status=401)
    fails(tokens_refreshed)
    assert visitor.get("/calls").status_code == 500


def test_receiver_that_fails_at_sign_out(visitor: Visitor, fails: Callable[..., None]) -> None:
    visitor.sign_in("maria")
    fails(sign_in_ended)
    assert visitor.post("/signout").status_code == 500


def test_receiver_that_fails_at_a_notice(
    visitor: Visitor, instance: Instance, fails: Callable[..., None]
) -> None:
    instance.register(backchannel_url=visitor.site + "/backchannel-signout")
    visitor.sign_in("maria")
    fails(sign_in_ended)
    assert [notice.status for notice in instance.end_session_of("maria")] == [500]


def test_call_whose_answer_is_too_large(
    visitor: Visitor, instance: Instance, configure: Callable[..., None]
) -> None:
    configure(API_MAX_BYTES=10)
    visitor.sign_in("maria")
    assert visitor.get("/calls").status_code >= 500


def test_call_that_is_redirected_elsewhere(visitor: Visitor, instance: Instance) -> None:
    visitor.sign_in("maria")
    instance.next_answer("api", status=302, headers={"Location": "https://evil.test/"})
    assert visitor.get("/calls").status_code >= 500


def test_call_that_cannot_be_sent(visitor: Visitor) -> None:
    visitor.sign_in("maria")
    assert visitor.get("/calls?broken=1").status_code == 500
    assert visitor.get("/calls?url=https://evil.test/").status_code == 500


def test_call_whose_connection_is_lost(visitor: Visitor, instance: Instance) -> None:
    visitor.sign_in("maria")
    instance.next_answer("api", drop="before")
    assert visitor.get("/calls").status_code == 503
