"""Which pages a visitor may be sent on to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import RequestFactory
from django.urls import set_script_prefix

from erpnet_instanceid.pages.targets import safe_target


@pytest.fixture
def below_a_path() -> Iterator[None]:
    set_script_prefix("/shop/")
    yield
    set_script_prefix("/")


@pytest.mark.usefixtures("below_a_path")
@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("/shop/signin", ""),
        ("/shop/signout", ""),
        ("/shop/signin-resume", "/shop/signin-resume"),
        ("/shop/private", "/shop/private"),
        ("/shop", "/shop"),
    ],
)
def test_knows_its_own_pages_on_a_site_that_is_below_a_path(url: str, target: str) -> None:
    assert safe_target(RequestFactory().get("/"), url) == target


@pytest.mark.parametrize("mark", ["\t", "\n", "\r", "\0", "\x7f", "\x85", "\u2028", "\u202e"])
@pytest.mark.parametrize("url", ["/a{}b", "/a?b={}c", "/a{}"])
def test_refuses_a_page_whose_address_cannot_be_shown(url: str, mark: str) -> None:
    """Browsers and libraries differ in which of these marks they leave out of an address."""
    assert safe_target(RequestFactory().get("/"), url.format(mark)) == ""
