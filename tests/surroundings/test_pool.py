"""Few database connections, and an instance that takes its time."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

from ..storm.site import eventually
from ..support.outcomes import within

KINDS = ("gunicorn", "uvicorn")
EACH = 6
SLOW_SECONDS = 8
POOL = {"OPTIONS": {"pool": {"min_size": 1, "max_size": 4, "timeout": 30}}}
ONE = {"OPTIONS": {"pool": {"min_size": 1, "max_size": 1}}}
WAYS = {
    "pool": {"own": POOL},
    "pool_with_atomic_requests": {"own": {**POOL, "ATOMIC_REQUESTS": True}},
    "pgbouncer": {"database": "pgbouncer"},
    "no_pool": {},
}


class Crowd:
    """Visitors of one site: some whose tokens have expired, some on their way in, and another."""

    def __init__(self, site):
        self.site = site
        visitors = [site.new_browser() for _ in range(EACH)]
        self.arriving = [(visitor, visitor.at(visitor.start())) for visitor in visitors]
        self.expired = site.sign_in_many_expired(EACH)
        self.other = site.sign_in()

    def send(self, threads):
        def renew(person):
            return self.site.get(person, "/api").status

        def arrive(visitor, answer):
            return visitor.bring(answer).status_code

        renewals = [threads.submit(renew, person) for person in self.expired]
        return renewals + [threads.submit(arrive, *each) for each in self.arriving]

    def slowest_page_of_another(self):
        answers = [self.site.get(self.other, "/whoami") for _ in range(5)]
        assert {answer.json()["user"] for answer in answers} == {"maria"}
        return max(answer.seconds for answer in answers)


def test_slow_instance_holds_up_no_other_visitor(sites, instance, figure):
    """Eight sites that wait at the same time: under WSGI and under ASGI, in four ways each."""
    crowds = {
        f"{kind} {way}": Crowd(sites(kind, 1, **options))
        for kind, (way, options) in product(KINDS, WAYS.items())
    }
    instance.forget_requests()
    instance.always("token", delay=SLOW_SECONDS)
    with ThreadPoolExecutor(2 * EACH * len(crowds)) as threads:
        under_way = [each for crowd in crowds.values() for each in crowd.send(threads)]
        eventually(lambda: len(instance.calls("token")) == len(under_way), seconds=SLOW_SECONDS - 2)
        slowest = {way: round(crowd.slowest_page_of_another(), 3) for way, crowd in crowds.items()}
        assert not any(each.done() for each in under_way)
    figure(slowest_page=slowest)
    # Measured: 0.02 s. A page that waits for a connection takes as long as the instance.
    assert max(slowest.values()) < SLOW_SECONDS / 4
    assert [each.result() for each in under_way] == ([200] * EACH + [302] * EACH) * len(crowds)
    assert len(instance.calls("token")) == len(under_way)


def test_call_in_a_transaction_waits_for_no_second_connection(sites, instance, figure):
    """With one connection there is no second one: the call is told so at once."""
    site = sites("gunicorn", 1, own=ONE)
    person = site.sign_in()
    instance.next_answer("api", status=401)
    with within(1.5):
        answer = site.get(person, "/api-in-atomic")
    figure(seconds=round(answer.seconds, 2))
    assert (answer.status, answer.json()) == (503, {"error": "database_busy"})
    # Outside a transaction the same connection serves.
    instance.next_answer("api", status=401)
    assert site.get(person, "/api").status == 200


def test_slow_call_of_an_api_keeps_no_connection(sites, instance, figure):
    running = [sites(kind, 1, own=ONE) for kind in KINDS]
    others = [site.sign_in() for site in running]
    callers = [(site, site.sign_in(), path) for site in running for path in ("/api", "/async/api")]
    instance.forget_requests()
    instance.always("api", delay=3)
    calls = [site.begin(person, path) for site, person, path in callers]
    eventually(lambda: len(instance.calls("api")) == len(calls), seconds=2)
    pages = [site.get(other, "/whoami") for site, other in zip(running, others, strict=True)]
    figure(pages=[round(page.seconds, 2) for page in pages])
    assert max(page.seconds for page in pages) < 1
    assert {call.result().status for call in calls} == {200}
