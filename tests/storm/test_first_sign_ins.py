"""Several first sign-ins of a new person at the same moment."""

from concurrent.futures import ThreadPoolExecutor

import pytest

TIMES = 3
AT_ONCE = 8


@pytest.mark.parametrize("database", ["postgres", "serializable", "sqlite"])
def test_first_sign_ins_at_once_make_one_user(sites, instance, database):
    site = sites(database=database)
    for number in range(TIMES):
        login = f"newcomer{number}"
        instance.person(login)
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            people = list(pool.map(site.sign_in, [login] * AT_ONCE))
        assert {site.get(person, "/whoami").json()["user"] for person in people} == {login}
    assert site.execute("SELECT count(*) FROM auth_user") == [(TIMES,)]
    assert site.execute("SELECT count(*) FROM erpnet_instanceid_account") == [(TIMES,)]
