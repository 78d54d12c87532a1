"""E034, W019: a site in frames of other sites."""

import pytest

from erpnet_instanceid.checks.of_frames import COOKIES, check_frames

PARENT = "https://mycompany.my.erp.net"


def ids(settings, framed_by):
    settings.ERPNET_INSTANCEID = {"FRAMED_BY": framed_by}
    return [str(message.id).rpartition(".")[2] for message in check_frames()]


@pytest.mark.parametrize(
    "wrong", [PARENT, [PARENT + "/"], ["https://"], ["https://[x"], ["*"], [None]]
)
def test_e034_framed_by_is_no_list_of_origins(settings, wrong):
    assert ids(settings, wrong) == ["E034"]


def test_w019_cookies_do_not_reach_the_frame(settings):
    assert ids(settings, [PARENT]) == ["W019"]
    for name, value in COOKIES.items():
        setattr(settings, name, value)
    settings.SESSION_COOKIE_SAMESITE = "none"
    assert ids(settings, [PARENT]) == []


def test_site_without_frames_needs_nothing(settings):
    assert ids(settings, []) == []
