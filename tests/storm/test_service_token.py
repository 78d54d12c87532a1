"""Sixteen threads in each of four processes that all call as the service."""

import time

from .at_once import Asked, send_at_once
from .site import wait_until

THREADS, PROCESSES, CALLS = 16, 4, 5


def call_as_service(site):
    """All threads of all processes, several calls each: which process used which tokens."""
    urls = [f"{server.url}/service?times={CALLS}" for server in site.servers]
    answers = send_at_once([Asked(url, "") for url in urls * THREADS])
    assert {answer.status for answer in answers} == {200}, site.logs()[-4000:]
    used = {}
    for answer in answers:
        told = answer.json()
        used.setdefault(told["process"], set()).update(told["tokens"])
    assert len(used) == PROCESSES
    return used


def asked_for(site):
    return len(site.instance.calls("token", "client_credentials"))


def assert_one_each(used):
    """One token in each process, and no two processes with the same."""
    assert {len(tokens) for tokens in used.values()} == {1}
    assert len(set.union(*used.values())) == len(used)


def test_each_process_gets_one_service_token_and_renews_it(sites, instance, figure):
    site = sites(processes=PROCESSES, ROOT_URLCONF="tests.api.site")
    # Time enough for all the others to come upon a process that has no token yet.
    instance.always("token", delay=0.5)
    instance.set(access_token_lifetime=9)
    first = call_as_service(site)
    asked_at = time.time()
    assert_one_each(first)
    assert call_as_service(site) == first
    assert asked_for(site) == PROCESSES
    assert len(instance.calls("api")) == 2 * PROCESSES * THREADS * CALLS
    assert {call["scope"] for call in instance.calls("token")} == {"read"}

    # A third of its life before the end one thread renews; the others use the token they have.
    wait_until(asked_at + 6.5)
    instance.set(access_token_lifetime=3600)
    renewing = call_as_service(site)
    assert asked_for(site) == 2 * PROCESSES
    newer = call_as_service(site)
    assert_one_each(newer)
    for process, tokens in renewing.items():
        assert tokens <= first[process] | newer[process]
    assert asked_for(site) == 2 * PROCESSES
    figure(calls=len(instance.calls("api")), token_requests=asked_for(site))
