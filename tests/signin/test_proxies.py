"""A proxy that ends https, and a site that does not know."""

import pytest

from erpnet_instanceid.signin import proxies

DJANGO_KNOWS = ("HTTP_X_FORWARDED_PROTO", "https")


@pytest.mark.parametrize(
    ("headers", "known_by", "times"),
    [
        ({"X-Forwarded-Proto": "https"}, None, 1),
        ({"X-Forwarded-Proto": "https, http"}, None, 1),
        ({"X-Forwarded-Scheme": "https"}, None, 1),
        ({"X-Forwarded-Ssl": "on"}, None, 1),
        ({"Forwarded": "for=192.0.2.60;proto=https"}, None, 1),
        ({}, None, 0),
        ({"X-Forwarded-Proto": "http"}, None, 0),
        ({"X-Forwarded-Proto": "https"}, DJANGO_KNOWS, 0),
    ],
)
def test_unknown_https_is_logged_once(client, instance, settings, caplog, headers, known_by, times):
    settings.SECURE_PROXY_SSL_HEADER = known_by
    proxies._warn.forget()
    for _ in range(3):
        assert client.get("/signin", headers=headers).status_code == 302
    assert caplog.messages.count("https_not_known cure=SECURE_PROXY_SSL_HEADER") == times
