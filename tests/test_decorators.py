"""Row CLM-16, and views that want a fresh sign-in."""

from urllib.parse import parse_qs, urlsplit

import pytest

from .support.ageing import make_old
from .support.forging import claims

pytestmark = pytest.mark.urls("tests.api.site")


@pytest.mark.parametrize("target", ["front_id_token", "id_token"])
def test_clm_16_authentication_that_is_too_old_is_refused(visitor, instance, configure, target):
    if target == "id_token":
        # In this flow there is no other.
        configure(RESPONSE_TYPE="code")
    instance.change(target, claims(auth_time=lambda auth_time: auth_time - 4000))
    response = visitor.bring(visitor.at(visitor.start(max_age="300")))
    assert response.status_code == 400
    assert len(instance.calls("token")) == (target == "id_token")
    assert visitor.whoami()["user"] == ""


def test_others_go_through_the_instances_sign_in_page(visitor, instance):
    visitor.at_instance.get(instance.url)
    visitor.sign_in("maria")
    make_old(instance, 4000)
    visitor.sign_in("maria")

    detour = visitor.get("/sensitive")
    asked = parse_qs(urlsplit(detour.headers["Location"]).query)
    assert asked == {"next": ["/sensitive"], "prompt": ["login"], "max_age": ["300"]}
    sent = visitor.get(detour.headers["Location"]).headers["Location"]
    assert parse_qs(urlsplit(sent).query)["prompt"] == ["login"]
    back = visitor.bring(visitor.at(sent, "maria"))
    assert back.headers["Location"] == "/sensitive"
    assert visitor.get("/sensitive").json() == {"method": "GET", "posted": None}


def test_malformed_max_age_is_not_asked_for(visitor):
    for max_age in ("1" * 9, "-1", "1.5", "²", "soon"):
        asked = parse_qs(urlsplit(visitor.start(max_age=max_age)).query)
        assert "max_age" not in asked, max_age
