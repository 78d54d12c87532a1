"""Cookies and references that only look like those of an attempt."""

import pytest

pytestmark = pytest.mark.usefixtures("instance")


@pytest.mark.django_db
def test_malformed_reference_is_neither_logged_nor_shown(client, caplog):
    response = client.get("/signin-callback", {"reference": "\nnothing happened"})
    assert response.status_code == 400
    assert "nothing" not in response.text
    assert not any("\n" in record.getMessage() for record in caplog.records)


def test_cookie_that_cannot_be_deleted_is_left_alone(client):
    (attempt,) = client.get("/signin").cookies.values()
    # One that would have to give way to a newer one.
    sealed = [f"erpnet_signin_a({letter}={attempt.value}" for letter in "abcdefgh"]
    for cookies in ("erpnet_signin_a(b=1", "; ".join(sealed)):
        response = client.get("/signin", headers={"cookie": cookies})
        assert response.status_code == 302
        assert len(response.cookies) == 1
