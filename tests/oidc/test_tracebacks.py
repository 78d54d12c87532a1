"""Frames that hold secrets stand in no traceback."""

import traceback

import pytest

from erpnet_instanceid.oidc.tracebacks import hides_frames, hides_own_frames

SITE = "def receiver():\n    raise ValueError('the receiver fails')\n"


def site_code():
    names: dict[str, object] = {"__name__": "shop.receivers"}
    exec(SITE, names)
    return names["receiver"]  # type: ignore[return-value]


def app_code(call):
    """A function of the app that holds a token while it makes the call."""
    names = {"__name__": "erpnet_instanceid.tokens.somewhere", "call": call}
    exec("def holds_a_token():\n    token = 'a-' + 'secret'\n    call()\n", names)
    return names["holds_a_token"]  # type: ignore[return-value]


def report(call):
    with pytest.raises(ValueError, match="the receiver fails") as caught:
        call()
    stack = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    return "".join(stack.format())


def test_error_leaves_without_any_frame_below():
    told = report(hides_frames(app_code(site_code())))
    assert "a-secret" not in told
    assert "in receiver" not in told


def test_error_keeps_the_frames_of_the_site():
    told = report(hides_own_frames(app_code(site_code())))
    assert "a-secret" not in told
    assert "in receiver" in told


def test_error_that_led_to_another_loses_its_frames_too():
    inner = app_code(site_code())

    def outer():
        try:
            inner()
        except ValueError as error:
            raise ValueError("the receiver fails") from error

    assert "a-secret" not in report(hides_own_frames(outer))
