"""Several people with one verified address, at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

ROUNDS = 8
PEOPLE = 4


def test_fld_05_one_of_four_people_gets_the_local_user(sites, instance):
    site = sites(processes=PEOPLE, app={"LINK_USERS_BY": "email"})
    together = Barrier(PEOPLE)

    def bring(login, server):
        instance.person(login, email=address, email_verified=True)
        visitor = site.new_browser(server)
        answer = visitor.at(visitor.start(), login)
        together.wait()
        assert visitor.bring(answer).status_code == 302
        return visitor.whoami()["user"]

    for number in range(ROUNDS):
        address = f"shared{number}@company.example"
        site.execute(
            "INSERT INTO auth_user (username, email, password, first_name, last_name, is_staff,"
            " is_superuser, is_active, date_joined)"
            f" VALUES ('local{number}', '{address}', '!', '', '', false, false, true, now())"
        )
        logins = [f"person{number}-{each}" for each in range(PEOPLE)]
        with ThreadPoolExecutor(PEOPLE) as pool:
            names = list(pool.map(bring, logins, range(PEOPLE)))
        assert names.count(f"local{number}") == 1, names
        assert len(set(names)) == PEOPLE, names
