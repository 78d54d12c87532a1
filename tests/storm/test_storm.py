"""Fifty requests at once on one session whose access token has expired, again and again."""

import itertools

import pytest

from .site import spent_twice

REQUESTS = 50
PAGES = ["/whoami", "/private", "/api"]
ASYNC_PAGES = ["/async/whoami", "/whoami", "/async/api"]


@pytest.mark.parametrize(
    ("kind", "processes", "database", "pages", "rounds"),
    [
        ("gunicorn", 4, "postgres", PAGES, 10),
        ("gunicorn", 2, "sqlite", PAGES, 6),
        ("uvicorn", 2, "postgres", ASYNC_PAGES, 6),
    ],
    ids=["PostgreSQL", "SQLite", "ASGI"],
)
def test_storm(sites, instance, figure, kind, processes, database, pages, rounds):
    """One refresh for each expiry, no request fails, and the visitors stay signed in."""
    site = sites(kind, processes, database=database)
    people = site.sign_in_many_expired(rounds)
    slowest = 0.0
    for number, (person, delay) in enumerate(zip(people, itertools.cycle([0, 0.3])), 1):
        instance.next_token_answer(delay=delay)
        answers = site.at_once(person, pages, REQUESTS)
        assert {answer.status for answer in answers} == {200}, _failures(site, answers)
        seen = [answer.json() for answer in answers if answer.url.endswith("whoami")]
        assert {(who["user"], who["generation"]) for who in seen} == {("maria", 2)}
        assert site.refreshes() == number
        slowest = max(slowest, *(answer.seconds for answer in answers))
    figure(slowest_answer_in_seconds=round(slowest, 2))

    for person in people:
        # Each process has the newest refresh token.
        site.get(person, "/age")
        instance.next_answer("api", status=401)
        assert site.get(person, "/api").status == 200
        who = site.get(person, "/whoami", server=1).json()
        assert (who["user"], who["generation"]) == ("maria", 3)
    assert site.refreshes() == instance.refresh_tokens_granted == 2 * rounds
    assert instance.refresh_tokens_refused == 0
    assert spent_twice(instance) == []
    assert "Traceback" not in site.logs()


def _failures(site, answers):
    failed = [answer for answer in answers if answer.status != 200]
    return f"{failed[:5]}\n{site.logs()[-4000:]}"
