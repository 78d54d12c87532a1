"""The checks of ``--deploy`` about local users."""

import pytest
from django.core.checks import run_checks

from erpnet_instanceid.checks import check_linking


@pytest.mark.parametrize(
    ("keys", "found", "word"),
    [
        ({}, [], ""),
        ({"LINK_KEEPS_PASSWORD": True}, [], ""),
        ({"LINK_USERS_BY": "email"}, ["erpnet_instanceid.W020"], "open sessions end"),
        (
            {"LINK_USERS_BY": "username", "LINK_KEEPS_PASSWORD": True},
            ["erpnet_instanceid.W021"],
            "local password",
        ),
    ],
)
def test_w020_w021_who_may_take_over_local_users(settings, keys, found, word):
    settings.ERPNET_INSTANCEID = {**settings.ERPNET_INSTANCEID, **keys}

    messages = check_linking()

    assert [message.id for message in messages] == found
    assert all(word in message.msg for message in messages)


def test_linking_is_told_before_a_deployment_only(settings):
    settings.ERPNET_INSTANCEID = {**settings.ERPNET_INSTANCEID, "LINK_USERS_BY": "email"}

    everyday = {message.id for message in run_checks()}
    deploying = {message.id for message in run_checks(include_deployment_checks=True)}

    assert "erpnet_instanceid.W020" in deploying - everyday
