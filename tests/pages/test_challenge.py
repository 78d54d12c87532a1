"""The answer to a visitor whose sign-in has ended: a page goes through the instance and comes
back, a script is told where its page has to go."""

from urllib.parse import parse_qs, urlsplit

import pytest

from erpnet_instanceid.pages.challenge import page_of_script

from ..support.ageing import sign_in_expired

# As browsers send them: fetch, XMLHttpRequest where there is no Sec-Fetch, htmx, an image.
FETCH = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "*/*"}
SAME_ORIGIN = {**FETCH, "Sec-Fetch-Mode": "same-origin"}
XHR = {"Sec-Fetch-Mode": None, "X-Requested-With": "XMLHttpRequest", "Accept": "*/*"}
PROGRAM = {"Sec-Fetch-Mode": None, "Accept": "application/json"}
HTMX = {**FETCH, "HX-Request": "true"}
BOOSTED = {**HTMX, "HX-Boosted": "true"}
IMAGE = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image", "Accept": "image/avif,*/*;q=0.8"}
SCRIPTS = {
    "fetch": FETCH,
    "fetch same-origin": SAME_ORIGIN,
    "XMLHttpRequest": XHR,
    "program": PROGRAM,
    "htmx": HTMX,
    "htmx boosted": BOOSTED,
    "image": IMAGE,
}


@pytest.fixture
def ended(visitor, instance):
    """Signed in, with an access token that is over and a refresh token that is refused."""
    sign_in_expired(visitor, instance)
    instance.revoke_refresh_tokens("maria")
    return visitor


def ask(visitor, path, headers, method="GET"):
    """The answer to a script. Its browser follows redirects of this site without asking it."""
    return visitor.http.request(
        method,
        visitor.site + path,
        headers={"Sec-Fetch-Dest": None, **headers},
        allow_redirects=True,
        timeout=30,
    )


def assert_told_to_sign_in(response, visitor, page):
    assert response.status_code == 401
    assert urlsplit(response.url).netloc == urlsplit(visitor.site).netloc
    told = response.json()
    assert told["error"] == "sign_in_required"
    assert told["message"]
    address = urlsplit(told["sign_in_url"])
    assert (address.scheme, address.netloc, address.path) == ("", "", "/signin")
    assert parse_qs(address.query) == ({"next": [page]} if page else {})
    assert "no-store" in response.headers["Cache-Control"]
    assert {"Sec-Fetch-Mode", "HX-Request", "Accept"} <= {
        name.strip() for name in response.headers["Vary"].split(",")
    }


@pytest.mark.parametrize("kind", SCRIPTS)
@pytest.mark.parametrize("path", ["/private", "/api"])
def test_script_is_told_where_to_sign_in(ended, instance, kind, path):
    """Whether the site's login_required sends it to sign-in, or a view meets the end itself."""
    asked = len(instance.calls("authorize"))
    referer = {"Referer": f"{ended.site}/orders?open=1"}
    response = ask(ended, path, {**SCRIPTS[kind], **referer})
    assert_told_to_sign_in(response, ended, "/orders?open=1")
    is_htmx = "HX-Request" in SCRIPTS[kind]
    assert ("HX-Redirect" in response.headers) == is_htmx
    if is_htmx:
        assert response.headers["HX-Redirect"] == response.json()["sign_in_url"]
    assert len(instance.calls("authorize")) == asked
    assert ended.whoami()["user"] == ""


OWN = "http://testserver/private?tab=3#part"
FOREIGN = [
    "https://evil.test/",
    "https://evil.test/private",
    "javascript:alert(1)",
    "//evil.test/",
    "http://[",
    "/signin?next=/private",
]


@pytest.mark.parametrize(
    ("headers", "page"),
    [
        ({"HX-Current-URL": OWN, "Referer": "http://testserver/"}, "/private?tab=3#part"),
        *[({name: url}, "") for name in ("Referer", "HX-Current-URL") for url in FOREIGN],
    ],
)
def test_page_of_a_script_is_a_page_of_this_site(rf, headers, page):
    assert page_of_script(rf.get("/private", headers=headers)) == page


@pytest.mark.parametrize("kind", ["fetch", "htmx"])
def test_script_that_posts_is_told_as_well(ended, kind):
    token = ended.csrf_token()
    headers = {**SCRIPTS[kind], "X-CSRFToken": token, "Origin": ended.site}
    response = ask(ended, "/api", headers, method="POST")
    assert_told_to_sign_in(response, ended, "")


def test_script_of_an_anonymous_visitor_is_told_too(visitor, instance):
    assert_told_to_sign_in(ask(visitor, "/private", FETCH), visitor, "")
    assert visitor.get("/private").status_code == 302
    assert not instance.calls("authorize")


@pytest.mark.parametrize("is_away", [False, True])
def test_script_goes_on_while_its_token_may_be_renewed(visitor, instance, is_away):
    sign_in_expired(visitor, instance)
    if is_away:
        instance.always("token", status=503)
    response = ask(visitor, "/private", FETCH)
    assert (response.status_code, response.text) == (200, "private page of maria")
    assert instance.calls("token", "refresh_token")
