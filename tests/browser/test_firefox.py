"""A frame in Firefox, which gives it a cookie jar of its own."""

import pytest

from ..support.demo import program
from .firefox import run_firefox
from .frames import WAITS

SIGN_IN = "//a[.='Sign in']"


@pytest.fixture
def firefox(tmp_path):
    with run_firefox(program("firefox-esr"), tmp_path) as firefox:
        yield firefox


def test_visitor_signs_in_and_out_in_the_frame(scene, firefox):
    firefox.visit(scene.show_frames())
    firefox.expect(WAITS)
    firefox.click(SIGN_IN)
    firefox.choose()
    firefox.expect("private page of maria")
    kept = firefox.cookies()
    assert "sessionid" in kept
    assert all(kept.values())

    firefox.reload()
    firefox.expect("private page of maria")

    firefox.tell("ExecuteScript", script="location.href = '/signout'", args=[])
    firefox.expect("Sign out?")
    firefox.click("//button[.='Sign out']")
    firefox.expect("You are signed out")
    firefox.visit(scene.show_frames(path="/button"))
    firefox.expect("Sign in")
    # The instance still knows them, so the popup closes by itself.
    firefox.click(SIGN_IN)
    firefox.expect("private page of maria")
