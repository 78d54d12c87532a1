"""Nobody finds an answer in a request later; tests/surroundings/test_collectors.py has the rest."""

import pytest

from erpnet_instanceid.oidc.errors import AttemptError
from erpnet_instanceid.views.posted import posted_pairs


def test_answer_that_is_no_form_is_dropped_too(rf):
    request = rf.post("/signin-callback", {"code": "the-code"}, content_type="application/json")
    with pytest.raises(AttemptError, match="not_form"):
        posted_pairs(request)
    assert request.body == b""
