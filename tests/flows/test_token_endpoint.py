"""Rows TOK of the cases: what the token endpoint's answer does to a sign-in. How the answer is
read is in tests/oidc."""

import logging

import pytest
from django.core import mail

from ..support.outcomes import begin


def test_tok_02_refused_code_ends_the_sign_in(visitor, instance):
    attempt = begin(visitor, instance)
    description = f"code {attempt.answer['code']} is spent"
    instance.next_token_answer(error="invalid_grant", error_description=description)
    attempt.assert_refused(attempt.bring(), "invalid_grant", token_requests=1)


@pytest.mark.parametrize(
    "fault", [{"body": "<html>"}, {"drop": "after"}, {"delay": 30}], ids=["html", "lost", "late"]
)
def test_tok_04_unusable_answer_is_not_asked_for_again(visitor, instance, configure, fault):
    configure(DEADLINE=0.5)
    attempt = begin(visitor, instance)
    instance.next_token_answer(**fault)
    attempt.assert_unavailable(attempt.bring(), token_requests=1)


@pytest.mark.parametrize(
    ("fault", "level", "code"),
    [
        pytest.param({"status": 500}, "WARNING", "server_error", id="hyg_01 failing instance"),
        pytest.param(
            {"status": 401, "error": "invalid_client"},
            "ERROR",
            "invalid_client",
            id="tok_02 refused application",
        ),
    ],
)
def test_failure_is_logged_once_and_not_mailed(visitor, instance, caplog, fault, level, code):
    attempt = begin(visitor, instance)
    description = f"bad secret {instance.application_secret}"
    instance.next_token_answer(**fault, error_description=description)

    attempt.assert_unavailable(attempt.bring(), token_requests=1, code=code)

    assert mail.outbox == []
    (told,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert (told.name, told.levelname) == ("erpnet_instanceid", level)
    assert told.getMessage().startswith("sign_in_failed ")
    assert code in told.getMessage()


def test_token_issued_while_the_site_waited_signs_in(visitor, instance, configure):
    configure(CLOCK_SKEW=0)
    attempt = begin(visitor, instance)
    instance.next_token_answer(hold=1.5)
    attempt.assert_signed_in()
