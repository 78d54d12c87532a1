"""Statements on large tables, as PostgreSQL plans them."""

import re
from pathlib import Path

from .crowd import IN_USE, NEEDLESS, add_notices, add_people, add_sign_ins, analyze
from .postgres import execute
from .servers import run_command

PEOPLE, SIGN_INS = 1_000, 12_000
PLAN = re.compile(r"plan:\n\tQuery Text: (.*)\n((?:\t.*\n)*)")


def test_no_request_scans_a_table(sites, instance):
    site = sites(processes=1, app={"LINK_USERS_BY": "username"})
    instance.register(backchannel_url=site.servers[0].url + "/backchannel-signout")
    site.sign_in()
    add_people(site.database, PEOPLE)
    add_sign_ins(site.database, SIGN_INS, PEOPLE, **IN_USE)
    for values in NEEDLESS.values():
        add_sign_ins(site.database, SIGN_INS, PEOPLE, **values)
    add_notices(site.database, SIGN_INS)
    analyze(site.database)

    log = explained(site.database)
    come_and_go(site, instance)
    run_command({"DATABASES": {"default": site.database}}, "instanceid", "prune")

    plans = PLAN.findall(log.read_text())
    assert len(plans) > 40
    scanned = {query[:99]: plan[:999] for query, plan in plans if "Seq Scan on erpnet_in" in plan}
    assert not scanned, "\n".join(f"{query}\n{plan}" for query, plan in scanned.items())


def explained(database):
    """The log in which the server writes, from now on, how it runs each statement."""
    for option in ("session_preload_libraries = auto_explain", "auto_explain.log_min_duration = 0"):
        execute(database, f'ALTER DATABASE "{database["NAME"]}" SET {option}')
    return Path(database["HOST"], "log")


def come_and_go(site, instance):
    """Each of a visitor's requests, of somebody new first, and the notices of both kinds."""
    endings = [
        lambda person: person.browser.post("/signout"),
        lambda person: instance.end_session_of("ivan"),
        lambda person: person.browser.http.post(
            site.servers[0].url + "/backchannel-signout",
            data={"logout_token": instance.logout_token(sub="ivan")},
        ),
    ]
    for end in endings:
        person = site.sign_in("ivan")
        site.get(person, "/age")
        instance.next_answer("api", status=401)
        assert site.get(person, "/api").status == 200
        end(person)
        assert site.get(person, "/whoami").json()["user"] == ""
