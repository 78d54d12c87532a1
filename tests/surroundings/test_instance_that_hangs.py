"""An instance that takes a request and does not answer."""

import pytest

from ..storm.site import wait_until
from ..support.outcomes import within

DEADLINE = 2


@pytest.fixture
def running(sites, instance):
    """One site under WSGI and one under ASGI. They wait at the same time."""
    return [
        sites("gunicorn", 1, app={"DEADLINE": DEADLINE}),
        sites("uvicorn", 1, app={"DEADLINE": DEADLINE}),
    ]


def test_page_waits_a_second_while_the_token_is_good(running, instance, figure):
    instance.set(access_token_lifetime=12)
    people = [(site, site.sign_in()) for site in running]
    ends = [site.get(person, "/whoami").json()["expires_at"] for site, person in people]
    # A third of its life before the end.
    wait_until(max(ends) - 3.9)
    instance.always("token", delay=8)
    with within(1.5):
        waiting = [site.begin(person, "/whoami") for site, person in people]
        first = [page.result() for page in waiting]
    # The renewal goes on in a thread of its own, and no other page waits for it.
    with within(1):
        second = [site.get(person, "/whoami") for site, person in people]
    figure(
        first_pages=[round(page.seconds, 2) for page in first],
        second_pages=[round(page.seconds, 2) for page in second],
    )
    assert {page.json()["user"] for page in [*first, *second]} == {"maria"}


def test_page_with_an_expired_token_waits_once(running, instance, figure):
    """Neither the middleware and the API session each, nor each of the calls."""
    people = [(site, site.sign_in_expired()) for site in running]
    instance.always("token", delay=8)
    with within(2 * DEADLINE + 1):
        waiting = [site.begin(person, "/api?times=3") for site, person in people]
        pages = [page.result() for page in waiting]
    figure(pages=[round(page.seconds, 2) for page in pages], deadline=DEADLINE)
    assert {page.status for page in pages} == {503}
