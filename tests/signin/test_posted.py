"""The body of a POST from elsewhere: read where it is a form, and dropped in any case."""

import pytest

from erpnet_instanceid.oidc.errors import AttemptError
from erpnet_instanceid.views.posted import posted_pairs

from ..support.visitor import FORM

PAIRS = [("code", "the-code"), ("code", "another"), ("state", "")]


@pytest.mark.parametrize("content_type", [FORM, f"{FORM}; charset=UTF-8"])
def test_form_is_read_once(rf, content_type):
    """`tests/surroundings/test_collectors.py` has those who look for it later."""
    body = "code=the-code&code=another&state="
    request = rf.generic("POST", "/signin-callback", body, content_type)
    assert posted_pairs(request) == PAIRS
    assert (request.body, request.POST) == (b"", {})


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "",
        f"{FORM}; charset=utf-16",
        f"{FORM}; charset=nonsense",
    ],
)
def test_cbk_10_body_that_is_no_form_is_refused(rf, content_type):
    request = rf.generic("POST", "/signin-callback", "code=the-code", content_type)
    with pytest.raises(AttemptError, match="not_form"):
        posted_pairs(request)
    assert request.body == b""
