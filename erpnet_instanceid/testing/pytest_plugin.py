"""pytest fixtures for sites: a stand-in instance, and a whole sign-in with Django's test client.

Needs pytest-django. `instance_id` points ERPNET_INSTANCEID at a fresh stand-in:

    def test_front_page_greets(client, instance_sign_in):
        instance_sign_in(client, "maria")
        assert "Мария" in client.get("/").text
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
from django.urls import reverse

from erpnet_instanceid import testing

if TYPE_CHECKING:
    import requests
    from django.test import Client
    from joserfc.jwk import RSAKey


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Name the missing package; pytest would only report that there is no fixture ``settings``."""
    if "instance_id" not in getattr(item, "fixturenames", ()):
        return
    # pytest-django's entry point, and its module for runs that load no entry points.
    has_plugin = item.config.pluginmanager.has_plugin
    if not has_plugin("django") and not has_plugin("pytest_django.plugin"):
        pytest.fail(
            "The fixtures of erpnet_instanceid need pytest-django: pip install pytest-django",
            pytrace=False,
        )


@pytest.fixture(scope="session")
def instance_id_key() -> RSAKey:
    """One signing key for all stand-ins of a test run, because making a key is slow."""
    return testing.new_key()


@pytest.fixture
def instance_id(instance_id_key: RSAKey, settings: Any) -> Iterator[testing.Instance]:
    """A running stand-in, with ERPNET_INSTANCEID pointing to it.

    Each test gets its own stand-in at its own address, so nothing cached outlives a test.
    """
    with testing.run_instance(key=instance_id_key) as instance:
        own = getattr(settings, "ERPNET_INSTANCEID", {})
        settings.ERPNET_INSTANCEID = {**own, **instance.settings()}
        yield instance


@pytest.fixture
def instance_sign_in(instance_id: testing.Instance) -> Callable[..., Any]:
    """`instance_sign_in(client, "maria", next="/orders/")` signs in as a browser would.

    Returns the callback's last answer: the redirect into the site, or the error page. `http` is
    a `requests.Session` that keeps the visitor's cookies at the instance. The test client gets
    all other arguments, for example `secure=True`.
    """

    def sign_in(
        client: Client,
        login: str | None = None,
        *,
        next: str | None = None,  # noqa: A002
        http: requests.Session | None = None,
        **extra: Any,
    ) -> Any:
        start = reverse("erpnet_instanceid:signin")
        if next is not None:
            start += "?" + urlencode({"next": next})
        # The site stops a browser that signs in again and again. A test does so on purpose.
        for name in [name for name in client.cookies if name.endswith("erpnet_arrived")]:
            del client.cookies[name]
        response = client.get(start, **extra)
        if response.status_code != 302:
            return response
        answer = instance_id.answer_to(response["Location"], login, http)
        if not answer.method:
            raise AssertionError(f"the instance stopped with {answer.status}: {answer.page}")
        return bring_back(client, answer, instance_id.url, **extra)

    return sign_in


def bring_back(
    client: Client, answer: testing.AuthorizationAnswer, origin: str, **extra: Any
) -> Any:
    """Bring an authorization answer to the site the way a browser does.

    The POST comes from another site, so it carries no Lax or Strict cookies. The GETs after it do.
    """
    url = answer.url
    if answer.method == "POST":
        everything = SimpleCookie(client.cookies)
        client.cookies = SimpleCookie(_cross_site(client.cookies))
        response = client.post(
            url,
            urlencode(answer.fields),
            content_type="application/x-www-form-urlencoded",
            **{**_host(url), "HTTP_ORIGIN": origin, "HTTP_SEC_FETCH_SITE": "cross-site", **extra},
        )
        everything.update(client.cookies)
        client.cookies = everything
    else:
        response = client.get(url, **{**_host(url), **extra})
    _expire(client)
    while (onward := _same_page(response, url)) is not None:
        response = client.get(onward, **{**_host(onward), **extra})
        _expire(client)
    return response


def _host(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    return {"HTTP_HOST": parts.netloc, "secure": parts.scheme == "https"}


def _cross_site(cookies: SimpleCookie) -> dict[str, Any]:
    return {
        name: morsel for name, morsel in cookies.items() if morsel["samesite"].lower() == "none"
    }


def _expire(client: Client) -> None:
    """Drop the cookies that the site deleted. The test client would go on sending them empty."""
    for name in [n for n, morsel in client.cookies.items() if morsel["max-age"] == 0]:
        del client.cookies[name]


def _same_page(response: Any, url: str) -> str | None:
    """The target of a redirect or a meta refresh, if it is the callback again."""
    onward = response.headers.get("Location")
    if onward is None and response.status_code == 200 and not response.streaming:
        onward = _MetaRefresh(response.text).url
    if not onward:
        return None
    onward = urljoin(url, onward)
    is_same = urlsplit(onward)[:3] == urlsplit(url)[:3]
    return onward if is_same else None


class _MetaRefresh(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.url: str | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "meta" and (values.get("http-equiv") or "").lower() == "refresh":
            _, _, url = (values.get("content") or "").partition("=")
            self.url = url.strip() or None
