"""A cookie of ours counts only where the raw header names it once, byte for byte."""

import pytest
from django.test import AsyncRequestFactory, RequestFactory

from erpnet_instanceid import cookies

NAME = "__Host-erpnet_answer"


def over_wsgi(header):
    return RequestFactory().get("/", secure=True, HTTP_COOKIE=header.decode("latin-1"))


def over_asgi(header):
    factory = AsyncRequestFactory()
    scope = factory._base_scope(path="/", scheme="https", headers=[(b"cookie", header)])
    return factory.request(**scope)


@pytest.fixture(params=[over_wsgi, over_asgi], ids=["WSGI", "ASGI"])
def sent(request):
    """Makes a request from the bytes of its Cookie header."""
    return request.param


BLANKS = {"U+2000": "\u2000".encode(), "U+00A0": b"\xc2\xa0", "byte A0": b"\xa0", "tab": b"\t"}


@pytest.mark.parametrize("blank", [*BLANKS.values(), b" "], ids=[*BLANKS, "blank"])
def test_fld_01_name_after_a_blank_is_not_ours(sent, blank):
    """Django strips the blank, and a sibling subdomain can set a cookie of such a name."""
    planted = blank + NAME.encode() + b"=planted"
    assert cookies.only(sent(b"a=1; " + planted), "erpnet_answer") == ""
    if blank != b" ":
        assert cookies.only(sent(planted), "erpnet_answer") == ""
    own = f"{NAME}=own".encode()
    for header in (planted + b"; " + own, own + b"; " + planted):
        assert cookies.only(sent(b"a=1; " + header), "erpnet_answer") == "own"


def test_name_that_comes_twice_does_not_count(sent):
    header = f"{NAME}=one; {NAME}=two".encode()
    assert cookies.only(sent(header), "erpnet_answer") == ""
    assert cookies.starting_with(sent(header), "erpnet_") == {}
    assert cookies.was_sent(sent(header), "erpnet_answer")


def test_bare_name_does_not_count_over_https(sent):
    assert cookies.only(sent(b"erpnet_answer=bare"), "erpnet_answer") == ""
