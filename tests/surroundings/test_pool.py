"""A pool of four database connections, and an instance that takes its time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ..storm.conftest import Sites
from ..storm.servers import Kind
from ..storm.site import Person, Site, eventually
from ..support.outcomes import within
from ..support.visitor import Visitor

SLOW_SECONDS = 3
POOL = {"pool": {"min_size": 1, "max_size": 4, "timeout": 30}}


@pytest.fixture(params=["gunicorn", "uvicorn"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=[False, True], ids=["", "atomic requests"])
def pooled(request: pytest.FixtureRequest, sites: Sites, kind: Kind) -> Site:
    return sites(kind, 1, database_options=POOL, ATOMIC_REQUESTS=request.param)


def assert_quick(site: Site, person: Person) -> None:
    for _ in range(3):
        with within(0.2):
            assert site.get(person, "/whoami").json()["user"] == "maria"


def ask_with_eight_renewals_under_way(
    site: Site, expired: list[Person], path: str, other: Person
) -> list[int]:
    """Another visitor's page, three times, while eight requests wait for the instance."""
    site.instance.next_answer("token", delay=SLOW_SECONDS, times=len(expired))
    waiting = [site.begin(person, path) for person in expired]
    eventually(lambda: site.refreshes() == len(expired))
    assert_quick(site, other)
    return [answer.answer().status for answer in waiting]


def test_slow_renewals_hold_up_no_other_visitor(pooled: Site) -> None:
    expired = pooled.sign_in_many_expired(8)
    other = pooled.sign_in()
    statuses = ask_with_eight_renewals_under_way(pooled, expired, "/api", other)
    assert statuses == [200] * 8
    assert pooled.refreshes() == 8


def test_slow_sign_ins_hold_up_no_other_visitor(pooled: Site) -> None:
    other = pooled.sign_in()
    visitors = [Visitor(pooled.servers[0].url) for _ in range(8)]
    answers = [visitor.at(visitor.start()) for visitor in visitors]
    pooled.instance.forget_requests()
    pooled.instance.next_answer("token", delay=SLOW_SECONDS, times=8)
    with ThreadPoolExecutor(8) as threads:
        arriving = [
            threads.submit(visitor.bring, answer)
            for visitor, answer in zip(visitors, answers, strict=True)
        ]
        eventually(lambda: len(pooled.instance.calls("token")) == 8)
        assert_quick(pooled, other)
    assert {each.result().status_code for each in arriving} == {302}
    for visitor in visitors:
        visitor.close()


def test_call_in_a_transaction_waits_for_no_second_connection(sites: Sites) -> None:
    """With one connection there is no second one: the call is told so at once."""
    site = sites("gunicorn", 1, database_options={"pool": {"min_size": 1, "max_size": 1}})
    person = site.sign_in()
    site.instance.next_answer("api", status=401)
    with within(1.5):
        answer = site.get(person, "/api-in-atomic")
    assert (answer.status, answer.json()) == (503, {"error": "database_busy"})
    # Outside a transaction the same connection serves.
    site.instance.next_answer("api", status=401)
    assert site.get(person, "/api").status == 200
