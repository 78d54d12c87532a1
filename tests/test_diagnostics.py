"""`manage.py instanceid doctor`: what an operator reads."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from erpnet_instanceid.testing import Instance


def told(*arguments: str) -> str:
    out = io.StringIO()
    call_command("instanceid", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_doctor_is_content_with_what_fits(instance: Instance) -> None:
    text = told("doctor")
    assert "BAD" not in text
    assert "The instance knows the application and its secret." in text


def doctors_finding() -> str:
    out = io.StringIO()
    with pytest.raises(CommandError, match="put right"):
        call_command("instanceid", "doctor", stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_doctor_finds_a_wrong_secret_and_does_not_print_it(
    instance: Instance, settings: Any
) -> None:
    settings.ERPNET_INSTANCEID = {**instance.settings(), "APPLICATION_SECRET": "wrong-secret"}
    text = doctors_finding()
    assert "invalid_client" in text
    assert "Check APPLICATION_URI, APPLICATION_SECRET" in text
    assert "wrong-secret" not in text


@pytest.mark.django_db
def test_doctor_finds_a_scope_that_is_not_offered(instance: Instance, settings: Any) -> None:
    settings.ERPNET_INSTANCEID = {**instance.settings(), "SCOPE": "openid red"}
    assert "does not list the scope 'red'" in doctors_finding()


@pytest.mark.django_db
def test_doctor_asks_an_issuer_that_ends_in_a_slash_the_time(
    instance: Instance, settings: Any
) -> None:
    issuer = instance.issuer + "/"
    settings.ERPNET_INSTANCEID = {**instance.settings(), "ISSUER": issuer}
    instance.change("discovery", lambda found: found.update(issuer=issuer))
    text = told("doctor")
    assert "BAD" not in text
    assert "s ahead of the instance's" in text
    asked = {call.path for call in instance.calls("discovery")}
    assert asked == {"/id/.well-known/openid-configuration"}


@pytest.mark.django_db
def test_doctor_finds_another_issuer(instance: Instance) -> None:
    instance.change("discovery", lambda found: found.update(issuer="https://op.test/id"))
    text = doctors_finding()
    assert "issuer_mismatch" in text
    assert "Set ISSUER to what the instance calls itself" in text


@pytest.mark.django_db
@pytest.mark.parametrize(("offset", "words"), [(600, "s behind"), (-600, "s ahead of")])
def test_doctor_finds_a_clock_that_is_off(instance: Instance, offset: int, words: str) -> None:
    instance.clock_offset = offset
    text = doctors_finding()
    assert re.search(rf"BAD This machine's clock is (600|601|599) {words} the instance's", text)
    assert "Keep it in time" in text


@pytest.mark.django_db
def test_doctor_says_so_where_the_clocks_agree(instance: Instance) -> None:
    assert "This machine's clock agrees with the instance's." in told("doctor")
