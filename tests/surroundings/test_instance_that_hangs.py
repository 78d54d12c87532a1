"""An instance that takes a request and does not answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from erpnet_instanceid.testing import RemoteInstance

from ..storm.conftest import Sites
from ..storm.servers import Kind
from ..storm.site import Site, wait_until
from ..support.outcomes import within

DEADLINE = 2


@pytest.fixture(params=["gunicorn", "uvicorn"])
def site(request: pytest.FixtureRequest, sites: Sites, instance: RemoteInstance) -> Site:
    kind: Kind = request.param
    return sites(kind, 1, app={"DEADLINE": DEADLINE})


def test_page_waits_a_second_while_the_token_is_good(
    site: Site, instance: RemoteInstance, figure: Callable[..., None]
) -> None:
    instance.set(access_token_lifetime=12)
    person = site.sign_in()
    expires_at = site.get(person, "/whoami").json()["expires_at"]
    # A third of its life before the end.
    wait_until(expires_at - 3.9)
    instance.always("token", delay=8)
    with within(1.5):
        first = site.get(person, "/whoami")
    # The renewal goes on in a thread of its own, and no other page waits for it.
    with within(0.5):
        second = site.get(person, "/whoami")
    figure(first_page=round(first.seconds, 2), second_page=round(second.seconds, 2))
    assert {page.json()["user"] for page in (first, second)} == {"maria"}


def test_page_with_an_expired_token_waits_once(
    site: Site, instance: RemoteInstance, figure: Callable[..., None]
) -> None:
    """Neither the middleware and the API session each, nor each of the calls."""
    person = site.sign_in_expired()
    instance.always("token", delay=8)
    with within(2 * DEADLINE + 1):
        answer = site.get(person, "/api?times=3")
    figure(seconds=round(answer.seconds, 2), deadline=DEADLINE)
    assert answer.status == 503
