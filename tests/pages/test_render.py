"""The pages carry the name of the site."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client


@pytest.mark.parametrize(
    ("name", "shown"), [(None, "testserver"), ("Corner & Oak", "Corner &amp; Oak")]
)
def test_page_carries_the_name_of_the_site(
    client: Client, configure: Callable[..., None], name: str | None, shown: str
) -> None:
    configure(SITE_NAME=name)
    page = client.get("/signout").text
    assert f"<title>Sign out · {shown}</title>" in page
    assert f"You will be signed out of {shown} and of 127.0.0.1." in page
