"""`manage.py instanceid doctor`: what an operator reads."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from erpnet_instanceid.testing import Instance, application_secret_hash


def told(*arguments: str) -> str:
    out = io.StringIO()
    call_command("instanceid", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_doctor_is_content_with_a_working_site(instance: Instance) -> None:
    text = told("doctor")
    assert "BAD" not in text
    assert "The instance knows the application and its secret." in text


def doctors_finding(*arguments: str) -> str:
    out = io.StringIO()
    with pytest.raises(CommandError, match="put right"):
        call_command("instanceid", "doctor", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_doctor_finds_a_wrong_secret_and_does_not_print_it(
    instance: Instance, settings: Any
) -> None:
    settings.ERPNET_INSTANCEID = {**instance.settings(), "APPLICATION_SECRET": "wrong-secret"}
    text = doctors_finding()
    assert "BAD   The instance refuses the application: invalid_client." in text
    assert f"ApplicationUri         {instance.application_uri}\n" in text
    assert f"ApplicationSecretHash  {application_secret_hash('wrong-secret')}\n" in text
    assert "wrong-secret" not in text


@pytest.mark.django_db
def test_doctor_finds_a_scope_that_is_not_offered(instance: Instance, settings: Any) -> None:
    settings.ERPNET_INSTANCEID = {**instance.settings(), "SCOPE": "openid red"}
    assert "does not list the scope 'red'" in doctors_finding()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("response_types_supported", "code id_token"),
        ("response_modes_supported", "form_post"),
        ("id_token_signing_alg_values_supported", "RS256"),
        ("code_challenge_methods_supported", "S256"),
    ],
)
def test_doctor_finds_features_missing_from_the_metadata(
    instance: Instance, name: str, wanted: str
) -> None:
    instance.change("discovery", lambda found: found.update({name: ["another"]}))
    text = doctors_finding()
    assert f"BAD   The instance does not list {wanted!r} in {name}.\n" in text
    assert "It offers ['another']." in text


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name", ["response_modes_supported", "code_challenge_methods_supported", "scopes_supported"]
)
def test_doctor_is_content_without_optional_metadata(instance: Instance, name: str) -> None:
    """RFC 8414 2."""
    instance.change("discovery", lambda found: found.pop(name, None) and None)
    assert "BAD" not in told("doctor")


@pytest.mark.django_db
def test_doctor_asks_an_issuer_that_ends_in_a_slash_the_time(
    instance: Instance, settings: Any
) -> None:
    issuer = instance.issuer + "/"
    settings.ERPNET_INSTANCEID = {**instance.settings(), "ISSUER": issuer}
    instance.change("discovery", lambda found: found.update(issuer=issuer))
    text = told("doctor")
    assert "BAD" not in text
    assert "clock agrees with the instance's" in text
    asked = {call.path for call in instance.calls("discovery")}
    assert asked == {"/id/.well-known/openid-configuration"}


@pytest.mark.django_db
def test_doctor_finds_another_issuer(instance: Instance) -> None:
    instance.change("discovery", lambda found: found.update(issuer="https://op.test/id"))
    text = doctors_finding()
    assert "issuer_mismatch" in text
    assert "Set ISSUER to what the instance calls itself" in text


# The address that the instance is to answer to

SITE = "https://backend.example.com"
CALLBACK = f"{SITE}/signin-callback"
ACCEPTED = f"ok    The instance answers sign-ins to {CALLBACK}\n"
REFUSED = (
    f"BAD   The instance does not accept {CALLBACK}\n"
    "      Register it as ImpersonateLoginUrl, to the character."
)


@pytest.mark.django_db
def test_doctor_cannot_tell_of_an_address_that_it_is_not_given(instance: Instance) -> None:
    text = told("doctor")
    assert "look  ImpersonateLoginUrl must be exactly the site's address followed by" in text
    assert "doctor --site" in text
    assert not instance.calls("authorize")


@pytest.mark.django_db
def test_doctor_tries_the_address_of_the_site(instance: Instance) -> None:
    instance.register(login_urls=[CALLBACK])
    assert ACCEPTED in told("doctor", "--site", SITE)
    (call,) = instance.calls("authorize")
    assert call["prompt"] == "none"


@pytest.mark.django_db
def test_doctor_tries_the_callback_url_of_the_settings(instance: Instance, configure: Any) -> None:
    instance.register(login_urls=[CALLBACK])
    configure(CALLBACK_URL=CALLBACK)
    assert ACCEPTED in told("doctor")


@pytest.mark.django_db
def test_doctor_tries_the_code_flow_in_the_query(instance: Instance, configure: Any) -> None:
    instance.register(login_urls=[CALLBACK])
    configure(RESPONSE_TYPE="code", RESPONSE_MODE="query")
    assert ACCEPTED in told("doctor", "--site", SITE)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "registered", [f"{CALLBACK}/", CALLBACK.upper(), f"{SITE}:443/signin-callback"]
)
def test_doctor_finds_an_address_that_differs_by_a_character(
    instance: Instance, registered: str
) -> None:
    instance.register(login_urls=[registered])
    text = doctors_finding("--site", SITE)
    assert f"{REFUSED} (It says invalid_redirect_uri.)" in text


@pytest.mark.django_db
def test_doctor_reads_the_error_page_that_it_is_sent_on_to(instance: Instance) -> None:
    """So does an IdentityServer: a redirect to its own page, which answers 200."""
    page = f"{instance.url}/sys/error?id=1"
    instance.always("authorize", status=302, headers={"Location": page})
    instance.always("other", status=200, body="<h1>Error</h1><p>Code: unauthorized_client</p>")
    text = doctors_finding("--site", SITE)
    assert f"{REFUSED} (It says unauthorized_client.)" in text


@pytest.mark.django_db
def test_doctor_follows_the_instance_nowhere_else(instance: Instance) -> None:
    instance.always(
        "authorize", status=302, headers={"Location": f"{CALLBACK}/?error=login_required"}
    )
    assert REFUSED in doctors_finding("--site", SITE)


@pytest.mark.django_db
def test_doctor_does_not_blame_the_address_for_a_scope(instance: Instance) -> None:
    instance.register(login_urls=[CALLBACK], scope="update")
    text = doctors_finding("--site", SITE)
    assert "BAD   The instance does not start a sign-in: invalid_scope." in text
    assert "Compare SCOPE" in text
    assert "does not accept" not in text


@pytest.mark.django_db
@pytest.mark.parametrize(
    "answer",
    [
        {"status": 503},
        {"drop": "before"},
        {"body": '<form action="/login"><input name="p" type="password"></form>'},
    ],
)
def test_doctor_names_the_checks_it_could_not_try(
    instance: Instance, answer: dict[str, Any]
) -> None:
    instance.always("authorize", **answer)
    text = told("doctor", "--site", SITE)
    assert f"look  ImpersonateLoginUrl must be exactly {CALLBACK}\n      It could not" in text


@pytest.mark.django_db
def test_doctor_tries_no_address_for_an_unknown_application(
    instance: Instance, configure: Any
) -> None:
    configure(APPLICATION_SECRET="wrong")
    text = doctors_finding("--site", SITE)
    assert f"look  ImpersonateLoginUrl must be exactly {CALLBACK}" in text
    assert not instance.calls("authorize")


@pytest.mark.django_db
def test_doctor_prints_the_sign_out_address_to_register(instance: Instance, configure: Any) -> None:
    assert "look  POST_LOGOUT_URL is not set" in told("doctor")
    configure(POST_LOGOUT_URL=f"{SITE}/signout-callback")
    assert f"look  ImpersonateLogoutUrl must be exactly {SITE}/signout-callback" in told("doctor")


# The tables

MISSING = "The tables of this app are missing. Run manage.py migrate."


@pytest.fixture
def without_tables(db: None) -> None:
    """As before the first migrate; the test's rollback brings them back."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE erpnet_instanceid_signin RENAME TO elsewhere")


@pytest.mark.usefixtures("without_tables")
def test_doctor_finds_that_the_tables_are_missing(instance: Instance) -> None:
    assert f"BAD   {MISSING}\n" in doctors_finding()


@pytest.mark.django_db
def test_doctor_goes_on_where_the_database_does_not_answer(instance: Instance) -> None:
    def refuses(*_args: Any) -> None:
        raise OperationalError("connection refused")

    with connection.execute_wrapper(refuses):
        text = doctors_finding()
    assert "BAD   The database does not answer: connection refused" in text
    assert "answers as an Instance ID" in text


@pytest.mark.usefixtures("without_tables")
def test_prune_says_that_the_tables_are_missing() -> None:
    with pytest.raises(CommandError, match=re.escape(MISSING)):
        told("prune")


@pytest.mark.django_db
def test_prune_says_how_many_rows_went() -> None:
    assert told("prune") == "0 rows deleted.\n"


# The clocks


@pytest.mark.django_db
@pytest.mark.parametrize(("offset", "words"), [(600, "s behind"), (-600, "s ahead of")])
def test_doctor_finds_a_clock_that_is_off(instance: Instance, offset: int, words: str) -> None:
    instance.clock_offset = offset
    text = doctors_finding()
    assert re.search(rf"BAD   This machine's clock is (600|601|599) {words} the instance's", text)
    assert "Keep it in time" in text


@pytest.mark.django_db
def test_doctor_says_so_where_the_clocks_agree(instance: Instance) -> None:
    assert "This machine's clock agrees with the instance's." in told("doctor")
