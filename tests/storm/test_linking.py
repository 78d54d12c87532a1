"""Several people with one verified address, at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from ..support.visitor import Visitor

PROCESSES = 4
ROUNDS = 20
PEOPLE = 4


def test_fld_05_one_of_four_people_gets_the_local_user(sites, instance):
    site = sites(processes=PROCESSES, app={"LINK_USERS_BY": "email"})

    def bring(visitor, login, together):
        answer = visitor.at(visitor.start(), login)
        together.wait()
        return visitor.bring(answer).status_code

    for number in range(ROUNDS):
        address = f"shared{number}@company.example"
        logins = [f"person{number}-{each}" for each in range(PEOPLE)]
        for login in logins:
            instance.person(login, email=address, email_verified=True)
        site.execute(
            "INSERT INTO auth_user (username, email, password, first_name, last_name, is_staff,"
            " is_superuser, is_active, date_joined)"
            f" VALUES ('local{number}', '{address}', '!', '', '', false, false, true, now())"
        )
        visitors = [Visitor(server.url) for server in site.servers]
        together = Barrier(PEOPLE)
        with ThreadPoolExecutor(PEOPLE) as pool:
            statuses = list(pool.map(bring, visitors, logins, [together] * PEOPLE))
        names = sorted(visitor.whoami()["user"] for visitor in visitors)
        for visitor in visitors:
            visitor.close()
        assert statuses == [302] * PEOPLE
        assert names.count(f"local{number}") == 1, names
        assert len(set(names)) == PEOPLE, names
