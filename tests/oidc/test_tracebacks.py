"""Frames that hold secrets stand in no traceback."""

from traceback import TracebackException

import pytest

from erpnet_instanceid.oidc.tracebacks import hides_frames, hides_own_frames

SITE = "def receiver():\n    raise ValueError('the receiver fails')\n"
ENDLESS = """def receiver():
    try:
        receiver()
    except RecursionError:
        raise ValueError("the receiver fails") from None
"""


def site_code(code=SITE):
    exec(code, names := {"__name__": "shop.receivers"})
    return names["receiver"]


def app_code(call):
    """A function of the app that holds a token while it makes the call."""
    names = {"__name__": "erpnet_instanceid.tokens.somewhere", "call": call}
    exec("def holds_a_token():\n    token = 'a-' + 'secret'\n    call()\n", names)
    return names["holds_a_token"]


def report(call):
    with pytest.raises(ValueError, match="the receiver fails") as caught:
        call()
    return "".join(TracebackException.from_exception(caught.value, capture_locals=True).format())


def test_error_leaves_without_any_frame_below():
    told = report(hides_frames(app_code(site_code())))
    assert "a-secret" not in told
    assert "in receiver" not in told


@pytest.mark.parametrize("code", [SITE, ENDLESS], ids=["short", "endless"])
def test_error_keeps_the_frames_of_the_site(code):
    told = report(hides_own_frames(app_code(site_code(code))))
    assert "a-secret" not in told
    assert "in receiver" in told


def test_error_that_led_to_another_loses_its_frames_too():
    def outer():
        try:
            app_code(site_code())()
        except ValueError as error:
            raise ValueError("the receiver fails") from error

    assert "a-secret" not in report(hides_own_frames(outer))
