"""Registering and examining an application that calls the instance's APIs as itself."""

import io
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import call_command

from erpnet_instanceid.conf import conf
from erpnet_instanceid.management.doctor.service import examine_service, tell_limits

SITE = "https://backend.example.com"


def run(*arguments):
    out, err = io.StringIO(), io.StringIO()
    call_command("instanceid", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def registered(*arguments):
    told, _err = run("register", "--site", SITE, "--json", *arguments)
    return json.loads(told)["TrustedApplication"]


def test_registration_asks_for_a_system_user_if_needed(configure):
    assert registered()["SystemUserAllowed"] is False
    assert registered("--service")["SystemUserAllowed"] is True
    configure(SERVICE_SCOPE="read")
    assert registered()["SystemUserAllowed"] is True
    assert "SystemUser:" in run("register", "--site", SITE)[0]


@pytest.mark.parametrize(
    ("arguments", "access"), [([], "none"), (["--service"], "clientCredentials")]
)
def test_install_link_asks_for_service_access(arguments, access):
    link, hint = run("install-link", "--site", SITE, *arguments)
    assert parse_qs(urlsplit(link.strip()).query)["serviceAccess"] == [access]
    assert "administrator" in hint
    assert "ApplicationSecretHash" in hint


@pytest.fixture
def service(instance, configure):
    instance.application.system_user_allowed = True
    configure(SERVICE_SCOPE="read")
    return instance


def examined():
    return examine_service(conf.client)


def test_doctor_tries_the_service_credentials(service):
    assert examined().mark == "ok"
    assert len(service.calls("token", "client_credentials")) == 1
    assert service.licences_taken == 0


def test_doctor_names_the_missing_parts_of_a_service(service):
    service.application.system_user_allowed = False
    finding = examined()
    assert finding.mark == "BAD"
    assert "SystemUserAllowed" in finding.cure


def test_doctor_tells_an_instance_that_does_not_answer(service):
    service.always("token", status=503)
    assert examined().mark == "BAD"


def test_doctor_tells_the_limits(service, configure):
    configure(SERVICE_SCOPE="read", API_CONCURRENCY=4, API_PER_MINUTE=0)
    assert "4 at once, any number in a minute" in tell_limits().text
