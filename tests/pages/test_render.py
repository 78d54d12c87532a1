"""The pages carry the name of the site."""

import pytest


@pytest.mark.parametrize(
    ("name", "shown"), [(None, "testserver"), ("Corner & Oak", "Corner &amp; Oak")]
)
def test_page_carries_the_name_of_the_site(client, configure, name, shown):
    configure(SITE_NAME=name)
    page = client.get("/signout").text
    assert f"<title>Sign out · {shown}</title>" in page
    assert f"You will be signed out of {shown} and of 127.0.0.1." in page
