"""Rights that follow a renewal, where a second connection writes beside the caller's."""

from __future__ import annotations

import time

SECONDS = 10


def test_rights_follow_beside_the_callers_transaction(sites, instance):
    """The caller has locked the user, and rolls back: the rights follow all the same."""
    site = sites(database="postgres")
    person = site.sign_in("admin")
    instance.person("admin", is_admin=False)
    instance.next_answer("api", status=401)

    assert site.get(person, "/api-in-atomic?lock=1&fail=1").status == 500

    assert len(instance.calls("token", "refresh_token")) == 1
    ends_at = time.monotonic() + SECONDS
    while site.execute("SELECT is_superuser FROM auth_user WHERE username = 'admin'") != [(False,)]:
        assert time.monotonic() < ends_at
        time.sleep(0.05)
    person.close()
