"""Rows TOK of the cases: what the token endpoint's answer does to a sign-in. How the answer is
read is in tests/oidc."""

import logging

import pytest

from ..support.outcomes import begin


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        pytest.param({"error": "invalid_grant"}, "invalid_grant", id="tok_02 refused"),
        pytest.param(
            {"json": {"access_token": "x", "token_type": "DPoP"}},
            "token_type_refused",
            id="tok_08 DPoP",
        ),
    ],
)
def test_refused_code_ends_the_sign_in(visitor, instance, fault, code):
    attempt = begin(visitor, instance)
    description = f"code {attempt.answer['code']} is spent"
    instance.next_token_answer(**fault, error_description=description)
    attempt.assert_refused(attempt.bring(), code, token_requests=1)


@pytest.mark.parametrize(
    "fault", [{"body": "<html>"}, {"drop": "after"}, {"delay": 30}], ids=["html", "lost", "late"]
)
def test_tok_04_unusable_answer_is_not_asked_for_again(visitor, instance, configure, fault):
    configure(DEADLINE=0.5)
    attempt = begin(visitor, instance)
    instance.next_token_answer(**fault)
    attempt.assert_unavailable(attempt.bring(), token_requests=1)


def test_tok_02_refused_application_is_the_operators_to_mend(visitor, instance, caplog):
    attempt = begin(visitor, instance)
    description = f"bad secret {instance.application_secret}"
    instance.next_token_answer(status=401, error="invalid_client", error_description=description)

    attempt.assert_unavailable(attempt.bring(), token_requests=1, code="invalid_client")

    (told,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert told.name == "erpnet_instanceid"
    assert "invalid_client" in told.getMessage()


def test_token_issued_while_the_site_waited_signs_in(visitor, instance, configure):
    configure(CLOCK_SKEW=0)
    attempt = begin(visitor, instance)
    instance.next_token_answer(hold=1.5)
    attempt.assert_signed_in()
