"""Every engine that keeps sessions on the server, shared by two processes."""

import time

import pytest

from .site import spent_twice


def _settings(engine, directory):
    cache = "django.core.cache.backends.filebased.FileBasedCache"
    return {
        "SESSION_ENGINE": f"django.contrib.sessions.backends.{engine}",
        "SESSION_FILE_PATH": str(directory),
        "CACHES": {"default": {"BACKEND": cache, "LOCATION": str(directory / "cache")}},
    }


# The database alone is in the other tests.
@pytest.mark.parametrize("engine", ["cached_db", "cache", "file"])
def test_lbc_26_session_engine_keeps_the_tokens(sites, instance, engine, tmp_path):
    """The storm, a slow writer, what others wrote, and the end by a notice."""
    site = sites(**_settings(engine, tmp_path))
    instance.register(backchannel_url=site.servers[1].url + "/backchannel-signout")

    person = site.sign_in_expired()
    reader = site.begin(person, "/slow?seconds=1.5")
    site.wait_for_refreshes(1)
    answers = site.at_once(person, ["/whoami", "/private"], 30)
    assert {answer.status for answer in answers} == {200}
    assert site.get(person, "/basket?add=tea", server=1).status == 200
    assert reader.result().status == 200
    who = site.get(person, "/whoami").json()
    assert (who["user"], who["generation"], who["basket"]) == ("maria", 2, ["tea"])
    assert site.refreshes() == 1

    writer = site.begin(person, "/slow?seconds=1&put=late")
    time.sleep(0.3)
    for _ in range(2):
        site.get(person, "/age", server=1)
        instance.next_answer("api", status=401)
        assert site.get(person, "/api", server=1).status == 200
    assert writer.result().status == 200
    # It brought an old token back, which is met with the newest one.
    instance.next_answer("api", status=401)
    assert site.get(person, "/api").status == 200
    assert site.refreshes() == 3
    assert instance.refresh_tokens_refused == 0
    assert spent_twice(instance) == []

    late = site.begin(person, "/slow?seconds=0.7&put=too-late")
    time.sleep(0.3)
    assert instance.end_session_of("maria") == [200]
    # Django's own answer to a session that is gone.
    assert late.result().status == 400
    for server in (0, 1):
        assert site.get(person, "/whoami", server).json()["user"] == ""
