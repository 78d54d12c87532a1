"""A name server that takes longer than the app waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import requests

from erpnet_instanceid.testing import RemoteInstance

from ..storm.conftest import Sites
from ..storm.site import Person, Site, eventually
from ..support.visitor import Visitor

DEADLINE = 2
LOOK_UP = 6


def take(site: Site, seconds: float) -> None:
    requests.get(f"{site.servers[0].url}/names?seconds={seconds}", timeout=5)


def test_slow_name_server_costs_no_token_and_no_sign_in(
    sites: Sites, instance: RemoteInstance, figure: Callable[..., None]
) -> None:
    running = [
        sites(kind, 1, ROOT_URLCONF="tests.surroundings.slow_names", app={"DEADLINE": DEADLINE})
        for kind in ("gunicorn", "uvicorn")
    ]
    people = [(site, site.sign_in_expired()) for site in running]
    visitors = [Visitor(site.servers[0].url) for site in running]
    arriving = [(visitor, visitor.at(visitor.start("/private"))) for visitor in visitors]
    for site in running:
        take(site, LOOK_UP)
    instance.forget_requests()
    started = time.monotonic()
    with ThreadPoolExecutor(len(arriving)) as threads:
        pages = [site.begin(person, "/private") for site, person in people]
        arrivals = list(threads.map(lambda each: each[0].bring(each[1]), arriving))
    answers = [page.answer() for page in pages]
    figure(
        slowest_page=round(max(answer.seconds for answer in answers), 1),
        slowest_arrival=round(max(arrival.elapsed.total_seconds() for arrival in arrivals), 1),
    )
    assert {answer.body for answer in answers} == {"private page of maria"}
    assert {arrival.status_code for arrival in arrivals} == {503}
    # Nor does the request go out once the address is known.
    time.sleep(started + LOOK_UP + 1 - time.monotonic())
    assert instance.calls("token") == []
    for site, person in people:
        take(site, 0)
        eventually(lambda s=site, p=person: _generation(s, p) == 2, seconds=10)
        person.close()


def _generation(site: Site, person: Person) -> int:
    return int(site.get(person, "/whoami").json()["generation"])
