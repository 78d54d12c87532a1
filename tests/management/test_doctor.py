"""`manage.py instanceid doctor`: what an operator reads."""

import io
import json
import re
import socket

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import override_settings

from erpnet_instanceid.management.doctor.redirects import onward
from erpnet_instanceid.oidc.http import Answer
from erpnet_instanceid.testing import application_secret_hash

from ..support.proxy import run_proxy
from ..support.refusing import refusing
from .command import told

SITE = "https://backend.example.com"
CALLBACK = f"{SITE}/signin-callback"
ACCEPTED = f"ok    The instance answers sign-ins to {CALLBACK}\n"
REFUSED = (
    f"BAD   The instance does not accept {CALLBACK}\n"
    "      Register it as ImpersonateLoginUrl, to the character.\n"
)


def blamed(*arguments):
    """The command's output if something is BAD."""
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"must be put right\. Begin with the first") as caught:
        call_command("instanceid", "doctor", *arguments, stdout=out)
    assert caught.value.returncode == 1
    return out.getvalue()


def first_bad(text):
    """The first line marked BAD, with its cure."""
    return re.findall(r"^BAD   (.*(?:\n {6}.*)*)", text, flags=re.MULTILINE)[0]


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(autouse=True)
def sound_site(settings, db):
    settings.SESSION_COOKIE_SECURE = True


def test_content_with_a_working_site(instance):
    text = told("doctor")
    assert "BAD" not in text
    assert "The instance knows the application and its secret." in text
    assert "The instance publishes a key for RS256." in text
    assert "This machine's clock agrees with the instance's." in text

    # RFC 8414 2: a list may be missing.
    lists = ("response_modes_supported", "code_challenge_methods_supported", "scopes_supported")
    metadata(**dict.fromkeys(lists))(instance)
    assert "BAD" not in told("doctor")


def always(endpoint, **answer):
    return lambda instance: instance.always(endpoint, **answer)


def metadata(**changes):
    return lambda instance: instance.change("discovery", lambda found: found.update(changes))


def keys(*published):
    return lambda instance: instance.change("jwks", lambda _: {"keys": list(published)})


def only_other_algorithms(instance):
    instance.change("jwks", lambda found: found["keys"][0].update(alg="RS512"))


def ahead(seconds):
    return lambda instance: setattr(instance, "clock_offset", seconds)


OTHER = "https://op.test/id"
MOVED = {"Location": OTHER}
# Each row: what is spoilt at the instance, the first BAD line, a word of its cure.
FAULTS = [
    (always("jwks", status=503), "The instance's keys cannot be read. {url}/id", "No token can be"),
    (always("jwks", body="<html>"), "something that is not JSON. (not_json)", "No token can be"),
    (always("jwks", json={"keys": 5}), "not a JSON Web Key Set. (malformed_", "No token can be"),
    (keys({"kty": "RSA"}), "no key for RS256. Usable keys: 0.", "SIGNING_ALGORITHMS"),
    (only_other_algorithms, "no key for RS256. Usable keys: 1.", "SIGNING_ALGORITHMS"),
    (always("discovery", status=500), "HTTP status 500. (server_error)", '["INSTANCE_URL"]'),
    (always("discovery", status=301, headers=MOVED), f"redirects to {OTHER}.", '["INSTANCE_URL"]'),
    (
        metadata(issuer=OTHER),
        f"itself '{OTHER}', and this site expects '{{url}}/id'.",
        '["ISSUER"]',
    ),
    (metadata(token_endpoint=None), "{url}/id does not name its token_endpoint.", "Check"),
    (metadata(response_types_supported=["x"]), "list 'code id_token' in response_types", "['x']"),
    (metadata(response_modes_supported=["x"]), "not list 'form_post' in response_modes", "['x']"),
    (metadata(id_token_signing_alg_values_supported=["x"]), "list 'RS256' in id_token", "['x']"),
    (metadata(scopes_supported=["x"]), "does not list the scope 'openid'", "Take it out of"),
    (metadata(code_challenge_methods_supported=["x"]), "list 'S256' in code_challenge", "['x']"),
    (ahead(600), "s behind the instance's.", "Keep it in time"),
    (ahead(-600), "s ahead of the instance's.", "Keep it in time"),
    (always("token", status=503), "token endpoint does not answer as it should", "try again later"),
]


@pytest.mark.parametrize(("spoil", "line", "cure"), FAULTS)
def test_names_the_fault_of_the_instance(instance, spoil, line, cure):
    spoil(instance)
    found = first_bad(blamed())
    assert line.format(url=instance.url) in found
    assert cure in found


def test_shows_the_hash_of_a_wrong_secret_and_not_the_secret(instance, configure):
    configure(APPLICATION_SECRET="wrong-secret")
    text = blamed()
    assert f"ApplicationUri         {instance.application_uri}\n" in text
    assert f"ApplicationSecretHash  {application_secret_hash('wrong-secret')}\n" in text
    assert "wrong-secret" not in text

    configure(APPLICATION_SECRET=application_secret_hash("x"))
    assert "looks like a hash: set it to the secret itself" in first_bad(blamed())


@pytest.mark.parametrize("setting", ["INSTANCE_URL", "ISSUER"])
def test_unreachable_host_is_blamed_on_its_setting(configure, setting):
    configure(**{setting: closed_port()})
    found = first_bad(blamed())
    assert "No connection to" in found
    assert f'Check ERPNET_INSTANCEID["{setting}"]' in found
    assert "A stand-in runs by" in found


def test_issuer_with_a_slash_at_its_end(instance, configure):
    issuer = instance.issuer + "/"
    configure(ISSUER=issuer)
    instance.change("discovery", lambda found: found.update(issuer=issuer))
    assert "clock agrees with the instance's" in told("doctor")
    asked = {call.path for call in instance.calls("discovery")}
    assert asked == {"/id/.well-known/openid-configuration"}


def test_keys_that_the_process_has_kept_prove_nothing(instance):
    assert "BAD" not in told("doctor")
    instance.always("jwks", status=503)
    assert "keys cannot be read" in first_bad(blamed())


def test_wrong_settings_come_first(configure):
    configure(SCOPE="read", CLOCK_SKEW=999)
    text = blamed()
    assert first_bad(text).startswith("ERPNET_INSTANCEID[\"SCOPE\"] lacks 'openid'.\n      Add it")
    assert 'look  ERPNET_INSTANCEID["CLOCK_SKEW"]' in text
    assert "Instance ID" not in text


def test_silenced_check_is_not_shown(settings, configure):
    configure(CLOCK_SKEW=999)
    settings.SILENCED_SYSTEM_CHECKS = ["erpnet_instanceid.W005"]
    assert "CLOCK_SKEW" not in told("doctor")


def test_json_has_the_same_findings(instance):
    lines, answer = told("doctor").splitlines(), json.loads(told("doctor", "--json"))
    assert {"mark": "ok", "about": "keys", "cure": ""}.items() <= answer["findings"][2].items()
    for finding in answer["findings"]:
        assert f"{finding['mark']:<6}{finding['text']}" in lines
    assert answer["next"] == lines[-1]

    instance.always("jwks", status=503)
    answer = json.loads(blamed("--json"))
    assert [one["about"] for one in answer["findings"] if one["mark"] == "BAD"] == ["keys"]
    assert answer["next"].startswith("Begin with the first line marked BAD")


# The site itself

IN_CACHE = "django.contrib.sessions.backends.cache"


@pytest.mark.parametrize(
    ("changed", "cause", "cure"),
    [
        (
            {"SESSION_ENGINE": IN_CACHE, "SESSION_CACHE_ALIAS": "x"},
            "InvalidCacheBackendError",
            "Check SESSION_ENGINE",
        ),
        ({"SESSION_COOKIE_DOMAIN": ".rp.test"}, "SESSION_COOKIE_DOMAIN", "own domain"),
        ({"CSRF_COOKIE_DOMAIN": "rp.test"}, "refuses such a cookie from", "Leave CSRF"),
        ({"SESSION_COOKIE_PATH": "/shop"}, "/signin-callback is not below it", '= "/"'),
    ],
)
def test_session_that_would_be_lost_is_named_first(instance, changed, cause, cure):
    with override_settings(**changed):
        found = first_bad(blamed("--site", SITE))
    assert cause in found
    assert cure in found


def test_site_behind_a_good_proxy(live_server, instance, trusted):
    tls = trusted.context(trusted.certificate())
    with run_proxy(live_server.url, tls) as site:
        text = told("doctor", "--site", site)
    assert f"ok    The site gives the instance the address {site}/signin-callback\n" in text
    assert "ok    A stand-in instance lets sign-outs come back to" in text
    assert text.splitlines()[-1] == "Sign in at the site."


# Each row: keyword arguments of the proxy, settings of the site, a word of the cure.
PROXIES = [
    ({"headers": {}}, {}, "SECURE_PROXY_SSL_HEADER"),
    ({}, {"SECURE_PROXY_SSL_HEADER": None}, "SECURE_PROXY_SSL_HEADER"),
    ({"headers": {}}, {"SECURE_SSL_REDIRECT": True}, "SECURE_PROXY_SSL_HEADER"),
    ({"keeps_host": False}, {}, "proxy_set_header Host"),
    ({}, {"ALLOWED_HOSTS": ["localhost"]}, "ALLOWED_HOSTS"),
    ({}, {"PREPEND_WWW": True}, "leads to https://www."),
    ({"drops": "Set-Cookie"}, {}, "CDN removes Set-Cookie"),
    ({"prefix": "/below"}, {}, "FORCE_SCRIPT_NAME"),
]


@pytest.mark.parametrize(("arguments", "changed", "word"), PROXIES)
def test_fault_of_a_proxy_comes_first(live_server, instance, trusted, arguments, changed, word):
    tls = trusted.context(trusted.certificate())
    with override_settings(**changed), run_proxy(live_server.url, tls, **arguments) as site:
        found = first_bad(blamed("--site", site + arguments.get("prefix", "")))
    assert word in found
    assert "signin" in found


@pytest.mark.parametrize("location", ["", "http://[x/", "https://a:b/"])
def test_redirect_without_an_address_leads_nowhere(location):
    answer = Answer(SITE, 302, {"Location": location}, b"")
    assert onward(SITE, answer) == ""


def test_site_that_moves_to_the_host_of_callback_url(live_server, instance, configure):
    callback = live_server.url.replace("localhost", "127.0.0.1") + "/signin-callback"
    configure(CALLBACK_URL=callback)
    text = told("doctor", "--site", live_server.url)
    assert f"ok    The site gives the instance the address {callback}\n" in text


def test_site_that_cannot_be_opened_is_not_blamed(instance):
    site = closed_port()
    text = told("doctor", "--site", site)
    assert f"look  No connection to {site}/signin can be made from this machine." in text


# The address that the instance has to know


def test_address_that_is_not_known_cannot_be_tried(instance):
    text = told("doctor")
    assert "look  ImpersonateLoginUrl must be exactly the site's address followed by" in text
    assert text.splitlines()[-1] == (
        "Run this command again with --site and the address of your site."
    )
    assert not instance.calls("authorize")


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"CALLBACK_URL": CALLBACK},
        {"RESPONSE_TYPE": "code", "RESPONSE_MODE": "query"},
        {"RESPONSE_TYPE": "code", "RESPONSE_MODE": "form_post"},
    ],
)
def test_registered_address_is_accepted(instance, configure, keys):
    instance.register(login_urls=[CALLBACK])
    configure(**keys)
    site = [] if "CALLBACK_URL" in keys else ["--site", SITE]
    assert ACCEPTED in told("doctor", *site)
    (call,) = instance.calls("authorize")
    assert call["prompt"] == "none"


@pytest.mark.parametrize(
    "registered", [f"{CALLBACK}/", CALLBACK.upper(), f"{SITE}:443/signin-callback"]
)
def test_address_that_differs_by_a_character(instance, registered):
    instance.register(login_urls=[registered])
    assert REFUSED in blamed("--site", SITE)


PAGE = "<p>Code: login_required</p>"


@pytest.mark.parametrize(
    "answer",
    [
        *({"status": status, "body": PAGE} for status in (400, 403, 404)),
        {"status": 302, "headers": {"Location": "/sys/error?id=1"}},
        {"status": 302, "headers": {"Location": f"{CALLBACK}/?error=login_required"}},
        {"status": 302, "headers": {"Location": "//elsewhere.test/"}},
    ],
)
def test_answer_that_is_a_refusal(instance, answer):
    instance.always("authorize", **answer)
    instance.always("other", status=200, body=PAGE)
    assert REFUSED in blamed("--site", SITE)


def test_address_is_not_blamed_for_a_scope(instance):
    instance.register(login_urls=[CALLBACK], scope="update")
    text = blamed("--site", SITE)
    assert "BAD   The instance does not start a sign-in: invalid_scope." in text
    assert "Compare SCOPE" in text
    assert "does not accept" not in text


def test_address_is_tried_again_with_the_least_request(instance):
    """An instance may show its own page for any fault, and not only for a wrong address."""
    instance.register(login_urls=[CALLBACK])
    instance.always(
        "authorize",
        status=302,
        headers={"Location": "/sys/error"},
        when=lambda call: "read" in call["scope"],
    )
    text = blamed("--site", SITE)
    assert "BAD   The instance does not start a sign-in: it does not accept what" in text


@pytest.mark.parametrize(
    "answer", [{"status": 503}, {"drop": "before"}, {"body": '<input name="p" type="password">'}]
)
def test_answer_that_tells_nothing_is_for_the_operator(instance, answer):
    instance.always("authorize", **answer)
    text = told("doctor", "--site", SITE)
    assert f"look  ImpersonateLoginUrl must be exactly {CALLBACK}\n      It could not" in text


def test_unknown_application_tries_no_address(instance, configure):
    configure(APPLICATION_SECRET="wrong")
    assert f"look  ImpersonateLoginUrl must be exactly {CALLBACK}" in blamed("--site", SITE)
    assert not instance.calls("authorize")


@pytest.mark.parametrize(
    ("keys", "site", "line"),
    [
        ({}, [], "look  ImpersonateLogoutUrl must be exactly the site's address followed by /sig"),
        ({}, ["--site", SITE], f"look  ImpersonateLogoutUrl must be exactly {SITE}/signout-call"),
        (
            {"POST_LOGOUT_URL": f"{SITE}/bye/signout-callback"},
            [],
            f"look  ImpersonateLogoutUrl must be exactly {SITE}/bye/signout-callback\n",
        ),
        ({"POST_LOGOUT_URL": ""}, [], 'ok    ERPNET_INSTANCEID["POST_LOGOUT_URL"] is empty'),
    ],
)
def test_sign_out_address(instance, configure, keys, site, line):
    instance.register(login_urls=[CALLBACK])
    configure(**keys)
    assert line in told("doctor", *site)


# An application that calls APIs as itself


def test_service_credentials_are_tried(instance, configure):
    instance.application.system_user_allowed = True
    configure(SERVICE_SCOPE="read", API_CONCURRENCY=4, API_PER_MINUTE=0)
    assert "4 at once, any number in a minute" in told("doctor")
    assert len(instance.calls("token", "client_credentials")) == 1
    assert instance.licences_taken == 0

    instance.application.system_user_allowed = False
    assert "SystemUserAllowed" in first_bad(blamed())

    when = {"when": lambda call: call.get("grant_type") == "client_credentials"}
    instance.always("token", status=503, **when)
    assert "503" in first_bad(blamed())


# The tables

MISSING = "The tables of this app are missing or out of date. Run manage.py migrate."


@pytest.mark.parametrize(
    "change",
    ["ALTER TABLE erpnet_instanceid_signin RENAME TO elsewhere", "DELETE FROM django_migrations"],
)
def test_missing_tables_are_named(instance, change):
    # As before the first migrate, or the latest; the test's rollback brings them back.
    with connection.cursor() as cursor:
        cursor.execute(change)
    assert f"BAD   {MISSING}\n" in blamed()
    with pytest.raises(CommandError, match=re.escape(MISSING)):
        told("prune")


def test_database_that_does_not_answer(instance):
    with refusing(bool, OperationalError("connection refused")):
        text = blamed()
    assert "BAD   The database does not answer: connection refused" in text
    assert "answers as an Instance ID" in text
