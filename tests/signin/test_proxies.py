"""A proxy that ends https, and a site that does not know."""

import pytest

from erpnet_instanceid.signin import proxies


@pytest.fixture(autouse=True)
def new_process():
    proxies._warn.forget()


def warned(caplog):
    return caplog.messages.count("https_not_known cure=SECURE_PROXY_SSL_HEADER")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Proto", "https, http"),
        ("X-Forwarded-Scheme", "https"),
        ("X-Forwarded-Ssl", "on"),
        ("Forwarded", "for=192.0.2.60;proto=https"),
    ],
)
def test_unknown_https_is_logged_once(client, instance, settings, caplog, name, value):
    settings.SECURE_PROXY_SSL_HEADER = None
    for _ in range(3):
        assert client.get("/signin", headers={name: value}).status_code == 302
    assert warned(caplog) == 1


@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-Proto": "http"}])
def test_plain_http_is_no_fault(client, instance, settings, caplog, headers):
    settings.SECURE_PROXY_SSL_HEADER = None
    client.get("/signin", headers=headers)
    assert warned(caplog) == 0


def test_https_that_django_knows_is_no_fault(client, instance, caplog):
    client.get("/signin", headers={"X-Forwarded-Proto": "https"})
    assert warned(caplog) == 0
