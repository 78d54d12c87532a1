"""Which pages a visitor may be sent on to."""

import pytest
from ada_url import URL
from django.http import HttpResponseRedirect
from django.test import RequestFactory
from django.urls import set_script_prefix

from erpnet_instanceid.management.registration import logout_url
from erpnet_instanceid.pages.targets import requested_target, safe_target, signed_out_address
from erpnet_instanceid.urls import urlpatterns

SITE = "rp.test:8000"
FOREIGN = ["https://evil.test/", "http://evil.test", "ftp://evil.test"]
# SITE stands for the site's own host and port.
SLASHES = ["//evil.test", "///evil.test", "/\\evil.test", "\\\\evil.test", "\\/evil.test"]
ONE_SCHEME = ["/\\/evil.test", "https:evil.test", "https:/evil.test", "http:///evil.test"]
USERINFO = ["https://SITE@evil.test", "http:\\\\SITE\\@evil.test", "http://SITE\\@evil.test"]
OTHER_SCHEMES = ["javascript:alert(1)", "java\nscript:x", "\x08//evil.test", "data:text/html,x"]

SPELLED = [
    "/ok%0d%0aSet-Cookie:x=1",
    "/ok%e5%98%8a%e5%98%8dSet-Cookie:x=1",
    "/ok%c2%85Set-Cookie:x=1",
    "/ok%00x",
    "/ok%ff%fe",
    "%ff%fe",
    "/ok%ed%a0%80",
    "/a&next=//evil.test",
    "//evil.test&next=/a",
    "/&next[]=//evil.test",
]


@pytest.mark.parametrize("spelled", SPELLED)
def test_nxt_03_malformed_target_harms_nobody(rf, spelled):
    target = requested_target(rf.get(f"/signin?next={spelled}"))
    location = HttpResponseRedirect(target or "/").headers["Location"]
    assert location.startswith("/")
    assert URL(location, f"http://{SITE}/").origin == f"http://{SITE}"
    assert location.isascii()
    assert location.isprintable()


def target_of(url, *, https=False):
    request = RequestFactory().get("/", secure=https, headers={"host": SITE})
    return safe_target(request, url.replace("SITE", SITE))


@pytest.fixture
def below_a_path():
    set_script_prefix("/shop/")
    yield
    set_script_prefix("/")


@pytest.mark.usefixtures("below_a_path")
@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("/shop/signin", ""),
        ("/shop/signin-resume", "/shop/signin-resume"),
        ("/shop/private", "/shop/private"),
        ("/shop", "/shop"),
    ],
)
def test_knows_its_own_pages_on_a_site_that_is_below_a_path(url, target):
    assert target_of(url) == target


def test_of_the_apps_own_pages_only_the_kept_form_is_a_target():
    pages = [f"/{page.pattern}" for page in urlpatterns]
    assert [page for page in pages if target_of(page)] == ["/signin-resume"]


@pytest.mark.parametrize("mark", ["\t", "\n", "\r", "\0", "\x7f", "\x85", "\u2028", "\u202e"])
@pytest.mark.parametrize("url", ["/a{}b", "/a?b={}c", "/a{}"])
def test_refuses_a_page_whose_address_cannot_be_shown(url, mark):
    """Browsers and libraries differ in which of these marks they leave out of an address."""
    assert target_of(url.format(mark)) == ""


@pytest.mark.parametrize("url", FOREIGN)
def test_nxt_01_foreign_address_is_no_target(url):
    assert target_of(url) == target_of(url, https=True) == ""


@pytest.mark.parametrize("url", [*SLASHES, *ONE_SCHEME, *USERINFO, *OTHER_SCHEMES])
def test_nxt_02_disguised_address_is_no_target(url):
    assert target_of(url) == target_of(url, https=True) == ""


ENCODED = ["/%09/evil.test", "/%0a/evil.test", "%2f%2fevil.test", "/%2fevil.test", "/%5cevil.test"]
BLANKS = ["/\t/evil.test", "/\n/evil.test", "/\r/evil.test", "\t//evil.test", " //evil.test"]
WIDE = ["\uff0f\uff0fevil.test", "/\uff0fevil.test", "//evil\u3002test"]
MALFORMED = ["//[evil.test", "https://[::1", "http://SITE:notaport/", "https:\uff0fevil.test"]
RELATIVE = ["/..//evil.test", "/.//evil.test", ".//evil.test", "?//evil.test", "#//evil.test"]


@pytest.mark.parametrize("https", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("url", [*ENCODED, *BLANKS, *WIDE, *MALFORMED, *RELATIVE])
def test_nxt_04_browsers_stay_on_this_site(url, https):
    page = f"http{'s' if https else ''}://{SITE}/signin-callback"
    target = HttpResponseRedirect(target_of(url, https=https) or "/").headers["Location"]
    # Browsers read addresses in another way than Python does. WHATWG URL 4.4.
    assert URL(target, page).origin == page.removesuffix("/signin-callback")


OTHER_PORTS = ["http://SITE/private", "https://rp.test:8443/private", "https://rp.test/private"]
PASSWORDS = ["https://user:pw@SITE/private", "https://user@SITE/private", "//user@SITE/private"]


@pytest.mark.parametrize("url", [*OTHER_PORTS, *PASSWORDS])
def test_nxt_05_own_host_otherwise_reached_is_no_target(url):
    assert target_of(url, https=True) == ""


def test_nxt_05_own_address_in_full_is_a_target():
    assert target_of("https://SITE/private", https=True) == f"https://{SITE}/private"


@pytest.mark.parametrize(
    "url",
    [
        "/orders/?q=%D0%B9&x=//evil.test#frag",
        "/orders/?next=https%3A%2F%2Fevil.test%2F",
        "/a;b=1/c,d/@e:f!$'()*+~?g=%20h+i&j=[k]",
        "/a:b@evil.test/",
        "/100%25",
    ],
)
def test_nxt_09_own_target_is_kept_to_the_letter(url):
    assert target_of(url) == url


@pytest.mark.parametrize(
    ("callback", "expected"),
    [
        ("https://rp.test/signin-callback", "https://rp.test/signout-callback"),
        ("https://rp.test/sso/signin-callback/", "https://rp.test/sso/signout-callback"),
        ("https://rp.test:8443/in", "https://rp.test:8443/signout-callback"),
    ],
)
def test_sign_out_comes_back_to_the_site_of_callback_url(settings, callback, expected):
    """The request may tell the address of a proxy, and the instance knows one address only."""
    settings.ERPNET_INSTANCEID = {**settings.ERPNET_INSTANCEID, "CALLBACK_URL": callback}
    assert signed_out_address(RequestFactory().get("/")) == expected
    assert logout_url("https://other.test") == expected
