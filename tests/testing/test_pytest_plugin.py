"""The fixtures that sites use, on the app itself."""

import pytest

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("samesite", ["Lax", "Strict", "None"])
def test_session_data_survives_with_every_samesite(client, instance_sign_in, settings, samesite):
    settings.SESSION_COOKIE_SAMESITE = samesite
    session = client.session
    session["basket"] = ["apples"]
    session.save()
    client.cookies["sessionid"]["samesite"] = samesite
    response = instance_sign_in(client, "maria")
    assert response.status_code == 302
    assert client.session["basket"] == ["apples"]


def test_code_flow_in_the_query(client, instance_sign_in, instance_id, configure):
    configure(RESPONSE_TYPE="code", RESPONSE_MODE="query")
    assert instance_sign_in(client, "maria").status_code == 302
    assert instance_id.calls("authorize")[0]["response_type"] == "code"
    assert "_auth_user_id" in client.session


def test_https(client, instance_sign_in):
    assert instance_sign_in(client, "maria", secure=True).status_code == 302


def test_stopping_at_the_instance_raises(client, instance_sign_in):
    with pytest.raises(AssertionError, match="the instance stopped"):
        instance_sign_in(client)


SITES_TEST = """
def test_of_a_site(client, instance_sign_in): pass

def test_of_something_else(): pass
"""


def test_fixtures_say_that_they_need_pytest_django(pytester):
    pytester.makepyfile(SITES_TEST)
    run = pytester.runpytest_subprocess("-p", "no:django")
    run.assert_outcomes(passed=1, errors=1)
    run.stdout.fnmatch_lines(["*need pytest-django: pip install pytest-django*"])
    run.stdout.no_fnmatch_line("*Traceback*")
